"""Training `tiny-shapes-flux`, a pipeline in the style of FLUX.1-dev: first plain, then guided.

FLUX.1-dev takes its guidance as an input, as it learned from a model that was guided by halves.
This one does the same: `train_flux` trains a model without guidance, and `train_flux_guidance` one
that gives in one call what that model gives with guidance (C. Meng and others, On distillation of
guided diffusion models, CVPR 2023).
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

import diffusers
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTextModel, T5EncoderModel

from objectives.embedded.training.denoiser import LATENT_PIXELS, Pool, Setup, save_pipeline
from objectives.embedded.training.dit import NAME as DIT
from objectives.embedded.training.dit import T5_WIDTH, read_whole
from objectives.embedded.training.flow import (
    TRAINING_STEPS,
    build_flow_scheduler,
    draw_flow,
    noised,
    train_flow,
)
from objectives.embedded.training.loop import TrainingResult, fit
from objectives.embedded.training.scorer import TEXT_WIDTH
from objectives.embedded.training.text_encoder import build_text_encoder
from objectives.embedded.training.tokenizer import (
    LENGTH,
    build_t5_tokenizer,
    build_tokenizer,
    clip_and_t5_tokens,
)

NAME: Final = "tiny-shapes-flux"
HEADS: Final = 4
HEAD_WIDTH: Final = 32
LAYERS, SINGLE_LAYERS = 2, 6
PACKED: Final = 2
"""A token holds 2x2 latent pixels, one channel behind the other."""

KERNELS: Final = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""Attention without cuDNN's: on an H200 torch 2.11 hung in its backward pass over 96 tokens."""

UNGUIDED: Final = 1.0
"""The guidance that changes nothing."""

MOST_GUIDANCE: Final = 10.0

Forward = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""The modules' prediction for noisy latents (N, 4, 16, 16), timesteps (N,), tokens (N, 64) and
guidance (N,)."""


def build_flux_transformer(device: torch.device) -> Any:
    """Build an untrained `FluxTransformer2DModel` with FLUX.1-dev's topology at toy width."""
    denoiser: Any = diffusers.FluxTransformer2DModel
    with torch.device(device):
        transformer = denoiser(
            patch_size=1,
            in_channels=4 * PACKED**2,
            num_layers=LAYERS,
            num_single_layers=SINGLE_LAYERS,
            attention_head_dim=HEAD_WIDTH,
            num_attention_heads=HEADS,
            joint_attention_dim=T5_WIDTH,
            pooled_projection_dim=TEXT_WIDTH,
            guidance_embeds=True,
            # FLUX.1-dev has 16, 56 and 56 of 128.
            axes_dims_rope=(4, 14, 14),
        )
    nn.init.zeros_(transformer.proj_out.weight)
    nn.init.zeros_(transformer.proj_out.bias)
    return transformer


def packed(latents: Tensor) -> Tensor:
    """Latents (N, C, H, W) as tokens (N, H/2 * W/2, 4C), as `FluxPipeline` packs them."""
    return functional.pixel_unshuffle(latents, PACKED).flatten(2).transpose(1, 2)


def unpacked(tokens: Tensor) -> Tensor:
    """Undo `packed`, for latents of this world's size."""
    side = LATENT_PIXELS // PACKED
    grid = tokens.transpose(1, 2).reshape(len(tokens), -1, side, side)
    return functional.pixel_shuffle(grid, PACKED)


def picture_places(device: torch.device) -> Tensor:
    """Row and column of each token of a picture, shape (64, 3), as `FluxPipeline` numbers them."""
    side = torch.arange(LATENT_PIXELS // PACKED, device=device, dtype=torch.float32)
    rows, columns = torch.meshgrid(side, side, indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=2).flatten(0, 1)


def forward_of(denoise: Any, clip: Any, t5: Any, device: torch.device) -> Forward:
    """Return a function that runs the modules on a batch.

    Args:
        denoise: The transformer, compiled or not.
        clip: A `CLIPTextModel`; its pooled state is used.
        t5: A `T5EncoderModel` with eager attention.
        device: Where they are.
    """
    pixels, words = picture_places(device), torch.zeros(LENGTH, 3, device=device)

    def forward(noisy: Tensor, times: Tensor, tokens: Tensor, guidance: Tensor) -> Tensor:
        with sdpa_kernel(KERNELS):
            predicted: Tensor = denoise(
                packed(noisy),
                encoder_hidden_states=read_whole(t5, tokens[:, LENGTH:]),
                pooled_projections=clip(tokens[:, :LENGTH]).pooler_output,
                # The model multiplies both by 1000.
                timestep=times / TRAINING_STEPS,
                guidance=guidance,
                img_ids=pixels,
                txt_ids=words,
                return_dict=False,
            )[0]
        return unpacked(predicted)

    return forward


def train_flux(setup: Setup) -> TrainingResult:
    """Train the denoiser and both text encoders without guidance, and write the folder.

    Its T5 starts from that of tiny-shapes-dit, which already knows the words.
    """
    t5 = T5EncoderModel.from_pretrained(setup.root / DIT / "text_encoder", dtype=torch.float32)
    with setup.seeded():
        clip = build_text_encoder(CLIPTextModel, build_tokenizer(), setup.load_scorer())
        transformer = build_flux_transformer(setup.device)
    modules = _modules(transformer, clip, t5, setup.device)
    setup.compile_blocks(transformer.single_transformer_blocks)
    forward = forward_of(transformer, clip, t5, setup.device)

    def predict(noisy: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
        return forward(noisy, times, tokens, torch.full_like(times, UNGUIDED))

    average, outcome = train_flow(setup, NAME, modules, predict, clip_and_t5_tokens(setup.device))
    _save(setup, average)
    return outcome


def train_flux_guidance(setup: Setup) -> TrainingResult:
    """Teach the denoiser of `train_flux` to be guided by its input, and write it again."""
    folder = setup.root / NAME
    clip = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    t5 = T5EncoderModel.from_pretrained(folder / "text_encoder_2", dtype=torch.float32)
    denoiser: Any = diffusers.FluxTransformer2DModel
    transformer = denoiser.from_pretrained(folder / "transformer")
    modules = _modules(transformer, clip, t5, setup.device)
    told = copy.deepcopy(transformer).requires_grad_(False).eval()
    # This training changes only the denoiser.
    modules.requires_grad_(False)
    transformer.requires_grad_(True)
    for each in (transformer, told):
        setup.compile_blocks(each.single_transformer_blocks)
    student, teacher = (forward_of(each, clip, t5, setup.device) for each in (transformer, told))
    tokens_of = clip_and_t5_tokens(setup.device)
    pool, empty = Pool(setup, tokens_of), tokens_of.empty(setup.budget.batch)

    def batches(_: int) -> dict[str, Tensor]:
        batch = draw_flow(pool)
        chance = torch.rand(len(empty), generator=pool.generator, device=pool.device)
        return {**batch, "guidance": UNGUIDED + (MOST_GUIDANCE - UNGUIDED) * chance}

    def loss_of(batch: Mapping[str, Tensor]) -> Tensor:
        noisy, _ = noised(batch)
        times, guidance = TRAINING_STEPS * batch["sigmas"], batch["guidance"]
        plain = torch.full_like(times, UNGUIDED)
        with torch.no_grad():
            shown = teacher(noisy, times, batch["tokens"], plain).float()
            unshown = teacher(noisy, times, empty, plain).float()
            wanted = unshown + guidance[:, None, None, None] * (shown - unshown)
        return functional.mse_loss(student(noisy, times, batch["tokens"], guidance).float(), wanted)

    average, outcome = fit(modules.train(), loss_of, batches, setup.budget, f"{NAME} guidance")
    _save(setup, average)
    return outcome


def _modules(transformer: Any, clip: Any, t5: Any, device: torch.device) -> nn.ModuleDict:
    t5.set_attn_implementation("eager")
    parts = {"transformer": transformer, "text_encoder": clip, "text_encoder_2": t5}
    return nn.ModuleDict(parts).to(device)


def _save(setup: Setup, average: nn.ModuleDict) -> None:
    pipeline: Any = diffusers.FluxPipeline
    trained = pipeline(
        # The value of FLUX.1-dev.
        scheduler=build_flow_scheduler(
            shift=3.0,
            use_dynamic_shifting=True,
            base_shift=0.5,
            max_shift=1.15,
            base_image_seq_len=256,
            max_image_seq_len=4096,
        ),
        vae=setup.load_vae(shift_factor=0.0),
        text_encoder=average["text_encoder"],
        tokenizer=build_tokenizer(),
        text_encoder_2=average["text_encoder_2"],
        tokenizer_2=build_t5_tokenizer(),
        transformer=average["transformer"],
    )
    save_pipeline(trained, setup.root / NAME, setup.vae_dir)
