"""Training the denoiser and its text encoder, and writing the whole pipeline folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import diffusers
import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from objectives.embedded import world
from objectives.embedded.draw import PIXELS, draw
from objectives.embedded.loop import Budget, Outcome, fit
from objectives.embedded.tokenizer import LENGTH, CaptionTokens, build_tokenizer
from objectives.embedded.train_scorer import TEXT_HEADS, TEXT_LAYERS, TEXT_WIDTH
from objectives.embedded.train_vae import encode

LATENT_PIXELS: Final = PIXELS // 4
EMPTY_SHARE: Final = 0.1
"""Share of training captions that are empty, so that guidance has an unconditional side."""


def build_scheduler() -> Any:
    """Build SD1.5's noise schedule as a `DDIMScheduler`."""
    scheduler: Any = diffusers.DDIMScheduler
    return scheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="epsilon",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
    )


def build_unet(device: torch.device) -> Any:
    """Build an untrained `UNet2DConditionModel` with SD1.5's topology at toy width."""
    denoiser: Any = diffusers.UNet2DConditionModel
    with torch.device(device):
        return denoiser(
            sample_size=LATENT_PIXELS,
            in_channels=4,
            out_channels=4,
            layers_per_block=2,
            block_out_channels=(48, 64, 80, 64),
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            # The number of heads, in spite of its name, as in SD1.5's own configuration.
            attention_head_dim=(3, 4, 5, 4),
            cross_attention_dim=TEXT_WIDTH,
            norm_num_groups=8,
        )


def build_text_encoder(tokenizer: CLIPTokenizer, scorer: nn.Module) -> CLIPTextModel:
    """Build the text encoder on the CPU, with the scorer's text weights to start from.

    The binding of words to objects is slow to learn from denoising alone.

    Args:
        tokenizer: The pipeline's tokenizer.
        scorer: A trained `open_clip.CLIP` of `train_scorer.model_config`.

    Returns:
        The text encoder, in float32.
    """
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=TEXT_HEADS,
        max_position_embeddings=LENGTH,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    start = _text_weights(scorer.state_dict())
    model = CLIPTextModel(config)
    # Releases of transformers disagree on whether the names carry this prefix.
    prefix = "text_model." if hasattr(model, "text_model") else ""
    model.load_state_dict({f"{prefix}{k}": v for k, v in start.items()}, strict=False)
    return model


def _text_weights(clip: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename open_clip's text weights to transformers' names."""
    names = {
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }
    weights = {
        "embeddings.token_embedding.weight": clip["token_embedding.weight"],
        "embeddings.position_embedding.weight": clip["positional_embedding"],
    }
    for kind in ("weight", "bias"):
        weights[f"final_layer_norm.{kind}"] = clip[f"ln_final.{kind}"]
        for layer in range(TEXT_LAYERS):
            old, new = f"transformer.resblocks.{layer}", f"encoder.layers.{layer}"
            for theirs, ours in names.items():
                weights[f"{new}.{ours}.{kind}"] = clip[f"{old}.{theirs}.{kind}"]
            parts = clip[f"{old}.attn.in_proj_{kind}"].chunk(3)
            for part, letter in zip(parts, "qkv", strict=True):
                weights[f"{new}.self_attn.{letter}_proj.{kind}"] = part
    return weights


@torch.no_grad()
def make_latents(
    vae: Any, count: int, generator: torch.Generator, batch: int = 2048
) -> tuple[Tensor, Tensor]:
    """Draw training scenes and encode their pictures.

    Args:
        vae: The trained autoencoder, on the generator's device.
        count: How many scenes.
        generator: Source of randomness.
        batch: Pictures encoded at a time.

    Returns:
        Scenes (count, 10) as int8 and scaled latents (count, 4, 16, 16) in half precision.
    """
    scenes, latents = [], []
    for start in range(0, count, batch):
        part = world.sample(min(batch, count - start), "train", generator)
        pictures = draw(part, generator)
        latents.append((encode(vae, pictures, batch) * vae.config["scaling_factor"]).half())
        scenes.append(part.to(torch.int8))
    return torch.cat(scenes), torch.cat(latents)


def train_unet(
    out: Path,
    scorer_dir: Path,
    device: torch.device,
    seed: int,
    budget: Budget,
    pool: int,
    compiled: bool,
) -> Outcome:
    """Train the denoiser and the text encoder, and complete the pipeline folder.

    Args:
        out: Pipeline folder; its `vae` must be there.
        scorer_dir: Folder of the trained scorer, whose text weights are the start.
        device: Where to train.
        seed: Seed of the weights and of the data.
        budget: How long.
        pool: How many pictures are drawn and encoded beforehand.
        compiled: Whether the denoiser goes through `torch.compile`.

    Returns:
        How the training went.
    """
    tokenizer = build_tokenizer()
    autoencoder: Any = diffusers.AutoencoderKL
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        vae = autoencoder.from_pretrained(out / "vae").to(device)
        scorer = open_clip.create_model(f"local-dir:{scorer_dir}", device=device)
        torch.manual_seed(seed)
        text_encoder = build_text_encoder(tokenizer, scorer)
        modules = nn.ModuleDict({"unet": build_unet(device), "text_encoder": text_encoder})
        modules.to(device).train()
    generator = torch.Generator(device).manual_seed(seed)
    scenes, latents = make_latents(vae, pool, generator)
    tokens_of = CaptionTokens(tokenizer, device)
    empty = tokens_of.empty(1)

    def batches(_: int) -> dict[str, Tensor]:
        chosen = torch.randint(0, pool, (budget.batch,), generator=generator, device=device)
        chance = torch.rand(budget.batch, 1, generator=generator, device=device)
        tokens = torch.where(chance < EMPTY_SHARE, empty, tokens_of(scenes[chosen].long()))
        clean = latents[chosen].float()
        noise = torch.randn(clean.shape, generator=generator, device=device)
        times = torch.randint(0, 1000, (budget.batch,), generator=generator, device=device)
        return {"clean": clean, "tokens": tokens, "noise": noise, "times": times}

    unet = torch.compile(modules["unet"]) if compiled else modules["unet"]
    alphas = build_scheduler().alphas_cumprod.to(device)

    def loss_of(batch: Mapping[str, Tensor]) -> Tensor:
        signal = alphas[batch["times"]][:, None, None, None]
        noisy = signal.sqrt() * batch["clean"] + (1 - signal).sqrt() * batch["noise"]
        hidden = modules["text_encoder"](batch["tokens"]).last_hidden_state
        predicted = unet(noisy, batch["times"], hidden, return_dict=False)[0]
        return functional.mse_loss(predicted.float(), batch["noise"])

    average, outcome = fit(modules, loss_of, batches, budget, "unet")
    save_pipeline(out, vae, average, tokenizer)
    return outcome


def save_pipeline(out: Path, vae: Any, modules: nn.ModuleDict, tokenizer: CLIPTokenizer) -> None:
    """Write a Stable Diffusion pipeline in half precision, with nothing of this machine in it."""
    pipeline: Any = diffusers.StableDiffusionPipeline
    pipeline(
        vae=vae.half(),
        text_encoder=modules["text_encoder"].half(),
        tokenizer=tokenizer,
        unet=modules["unet"].half(),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(out)
    for path in out.rglob("config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        config.pop("_name_or_path", None)
        if "dtype" in config:
            # transformers loads what this says where diffusers loads float32: they have to agree.
            config["dtype"] = "float32"
        path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
