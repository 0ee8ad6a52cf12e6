"""Training `tiny-shapes-dit`, a pipeline in the style of PixArt-alpha: first its T5, then all."""

from collections.abc import Mapping
from typing import Any, Final

import diffusers
import torch
from torch import Tensor, nn
from transformers import CLIPTextModel, T5Config, T5EncoderModel, T5Tokenizer

from objectives.embedded import world
from objectives.embedded.training.denoiser import (
    LATENT_PIXELS,
    Setup,
    save_pipeline,
    train_denoiser,
)
from objectives.embedded.training.loop import TrainingResult, fit
from objectives.embedded.training.scorer import TEXT_WIDTH
from objectives.embedded.training.tokenizer import (
    CaptionTokens,
    build_t5_tokenizer,
    build_tokenizer,
)

NAME: Final = "tiny-shapes-dit"
T5_WIDTH: Final = 96
T5_LAYERS: Final = 4
HEADS: Final = 4
HEAD_WIDTH: Final = 32


def build_dit_scheduler() -> Any:
    """Build PixArt-alpha's noise schedule as a `DPMSolverMultistepScheduler`."""
    scheduler: Any = diffusers.DPMSolverMultistepScheduler
    return scheduler.from_config(
        {
            "num_train_timesteps": 1000,
            "beta_start": 0.0001,
            "beta_end": 0.02,
            "beta_schedule": "linear",
            "prediction_type": "epsilon",
            "algorithm_type": "dpmsolver++",
            "solver_order": 2,
            "steps_offset": 0,
            "timestep_spacing": "linspace",
            # Not a setting of this scheduler: the default of a DDIM made from this one clips
            # the latents.
            "clip_sample": False,
        }
    )


def build_t5(
    tokenizer: T5Tokenizer, width: int = T5_WIDTH, layers: int = T5_LAYERS
) -> T5EncoderModel:
    """Build an untrained T5 encoder on the CPU, in the style of T5 1.1."""
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=24,
        d_ff=2 * width,
        num_layers=layers,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
    )
    return T5EncoderModel(config)


def build_transformer(device: torch.device) -> Any:
    """Build an untrained `PixArtTransformer2DModel` with PixArt-alpha's topology at toy width.

    It starts as PixArt does: the attention to the caption adds nothing, and it predicts zero.
    """
    denoiser: Any = diffusers.PixArtTransformer2DModel
    with torch.device(device):
        transformer = denoiser(
            num_attention_heads=HEADS,
            attention_head_dim=HEAD_WIDTH,
            in_channels=4,
            # The last four are a variance that the pipeline drops, and are not trained.
            out_channels=8,
            num_layers=8,
            cross_attention_dim=HEADS * HEAD_WIDTH,
            sample_size=LATENT_PIXELS,
            patch_size=2,
            attention_bias=True,
            norm_type="ada_norm_single",
            caption_channels=T5_WIDTH,
        )
    for module in transformer.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    nn.init.normal_(transformer.adaln_single.linear.weight, std=0.02)
    for block in transformer.transformer_blocks:
        nn.init.zeros_(block.attn2.to_out[0].weight)
    nn.init.zeros_(transformer.proj_out.weight)
    return transformer


def encode_captions(t5: Any, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Return T5's states for tokens (N, 32), without looking at the values of tensors.

    Args:
        t5: A `T5EncoderModel` with eager attention.
        tokens: Tokens, padded.

    Returns:
        States (N, 32, 96), and the mask (N, 32) that is 1 for tokens other than padding.
    """
    mask = tokens.ne(t5.config.pad_token_id).float()
    return _read(t5, tokens, mask), mask


def read_whole(t5: Any, tokens: Tensor) -> Tensor:
    """The same states, but with padding read like any word, as the newer pipelines do."""
    return _read(t5, tokens, torch.ones_like(tokens, dtype=torch.float32))


def _read(t5: Any, tokens: Tensor, mask: Tensor) -> Tensor:
    # Four-dimensional: transformers looks into a plain mask, which a CUDA graph cannot.
    bias = (1 - mask)[:, None, None, :] * -1e4
    states: Tensor = t5(tokens, attention_mask=bias).last_hidden_state
    return states


def train_dit_text(setup: Setup) -> TrainingResult:
    """Train T5 to predict the states of `tiny-shapes`' text encoder for each word, and write it.

    `train_dit` overwrites the result; from denoising alone T5 learns too slowly.
    """
    device, size = setup.device, setup.budget.batch
    tokenizer, clip_tokenizer = build_t5_tokenizer(), build_tokenizer()
    teacher: Any = CLIPTextModel.from_pretrained(setup.root / "tiny-shapes" / "text_encoder")
    teacher.to(device).requires_grad_(False)
    with setup.seeded():
        t5 = build_t5(tokenizer)
        readout = nn.Linear(T5_WIDTH, TEXT_WIDTH)
    t5.set_attn_implementation("eager")
    modules = nn.ModuleDict({"t5": t5, "readout": readout}).to(device)
    tokens_of, clip_tokens_of = (CaptionTokens(t, device) for t in (tokenizer, clip_tokenizer))
    generator = torch.Generator(device).manual_seed(setup.seed)

    def batches(_: int) -> dict[str, Tensor]:
        scenes = world.sample(size, "train", generator)
        return {"tokens": tokens_of(scenes), "clip_tokens": clip_tokens_of(scenes)}

    def loss_of(batch: Mapping[str, Tensor]) -> Tensor:
        # The same words in both, except for CLIP's start token, which T5 does not have.
        told = teacher(batch["clip_tokens"]).last_hidden_state[:, 1:]
        states, mask = encode_captions(t5, batch["tokens"])
        error = (readout(states)[:, :-1] - told).float().square().mean(dim=2)
        loss: Tensor = (error * mask[:, :-1]).sum() / mask.sum()
        return loss

    average, outcome = fit(modules, loss_of, batches, setup.budget, f"{NAME} text")
    trained: Any = average["t5"]
    trained.save_pretrained(setup.root / NAME / "text_encoder")
    return outcome


def train_dit(setup: Setup) -> TrainingResult:
    """Train the denoiser and the T5 of `train_dit_text`, and write the pipeline's folder."""
    tokenizer = build_t5_tokenizer()
    t5 = T5EncoderModel.from_pretrained(setup.root / NAME / "text_encoder", dtype=torch.float32)
    t5.set_attn_implementation("eager")
    with setup.seeded():
        transformer = build_transformer(setup.device)
    modules = nn.ModuleDict({"transformer": transformer, "text_encoder": t5}).to(setup.device)
    denoise = setup.compile(transformer)

    def predict(noisy: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
        hidden, mask = encode_captions(t5, tokens)
        predicted: Tensor = denoise(
            noisy,
            encoder_hidden_states=hidden,
            timestep=times,
            encoder_attention_mask=mask,
            return_dict=False,
        )[0][:, :4]
        return predicted

    scheduler = build_dit_scheduler()
    tokens_of = CaptionTokens(tokenizer, setup.device)
    average, outcome = train_denoiser(setup, NAME, modules, predict, tokens_of, scheduler)
    pipeline: Any = diffusers.PixArtAlphaPipeline
    trained = pipeline(
        tokenizer=tokenizer,
        text_encoder=average["text_encoder"],
        vae=setup.load_vae(),
        transformer=average["transformer"],
        scheduler=scheduler,
    )
    save_pipeline(trained, setup.root / NAME, setup.vae_dir)
    return outcome
