"""Training the autoencoder that turns 64x64 pictures into 16x16 latents with four channels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
from torch import Tensor, nn
from torch.nn import functional

from objectives.embedded import world
from objectives.embedded.draw import PIXELS, draw
from objectives.embedded.training.loop import Budget, TrainingResult, fit

KL_WEIGHT: Final = 5e-4
EDGE_WEIGHT: Final = 0.5
SQUARE_WEIGHT: Final = 2.0


def build_vae(device: torch.device) -> Any:
    """Build an untrained `AutoencoderKL` that shrinks the side by a factor of four."""
    with torch.device(device):
        # diffusers carries no types: its models are `Any` here and in unet.py.
        autoencoder: Any = diffusers.AutoencoderKL
        return autoencoder(
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            block_out_channels=(24, 48, 64),
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=8,
            sample_size=PIXELS,
            scaling_factor=1.0,
            force_upcast=False,
        )


def vae_loss(vae: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """Absolute, squared and edge error of the reconstruction, and a slight pull to the normal.

    Args:
        vae: An `AutoencoderKL`.
        batch: `pictures` (N, 3, 64, 64), values in [-1, 1]; `noise` (N, 4, 16, 16), normal.

    Returns:
        A scalar.
    """
    pictures = batch["pictures"]
    posterior = vae.encode(pictures).latent_dist
    # Drawn explicitly: the distribution's own draw uses the global generator.
    latents = posterior.mean + posterior.std * batch["noise"]
    error = vae.decode(latents).sample.float() - pictures
    edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    loss = error.abs().mean() + SQUARE_WEIGHT * error.square().mean() + EDGE_WEIGHT * edges
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    divergence = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
    total: Tensor = loss + KL_WEIGHT * divergence
    return total


def train_vae(out: Path, device: torch.device, seed: int, budget: Budget) -> TrainingResult:
    """Train the autoencoder and write it in diffusers' layout, in half precision.

    Args:
        out: Folder to write, created if missing.
        device: Where to train.
        seed: Seed of the weights and of the data.
        budget: How long to train.

    Returns:
        How the training went.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        vae = build_vae(device)
    generator = torch.Generator(device).manual_seed(seed)

    def batches(_: int) -> dict[str, Tensor]:
        pictures = draw(world.sample(budget.batch, "train", generator), generator)
        shape = (budget.batch, 4, PIXELS // 4, PIXELS // 4)
        noise = torch.randn(shape, generator=generator, device=device)
        return {"pictures": 2 * pictures - 1, "noise": noise}

    average, outcome = fit(
        nn.ModuleDict({"vae": vae}), lambda batch: vae_loss(vae, batch), batches, budget, "vae"
    )
    trained: Any = average["vae"]
    sample = draw(world.sample(min(4096, 16 * budget.batch), "train", generator), generator)
    latents = encode(trained, sample, budget.batch)
    # The diffusion expects latents of unit variance; so does every scheduler's noise schedule.
    trained.register_to_config(scaling_factor=round(1.0 / float(latents.std()), 5))
    trained.half().save_pretrained(out)
    return outcome


def reconstruction_psnr(vae: Any, pictures: Tensor, batch: int = 256) -> float:
    """Return the mean peak signal-to-noise ratio in dB of pictures (N, 3, 64, 64) in [0, 1]."""
    rebuilt = torch.cat([_rebuild(vae, part) for part in torch.split(pictures, batch)])
    error = functional.mse_loss(rebuilt, pictures, reduction="none").mean(dim=(1, 2, 3))
    return float((-10 * error.clamp_min(1e-10).log10()).mean())


@torch.no_grad()
def encode(vae: Any, pictures: Tensor, batch: int) -> Tensor:
    """Return the unscaled mean latents (N, 4, 16, 16) of pictures (N, 3, 64, 64) in [0, 1]."""
    parts = (2 * part.to(vae.dtype) - 1 for part in torch.split(pictures, batch))
    return torch.cat([vae.encode(part).latent_dist.mean for part in parts])


@torch.no_grad()
def _rebuild(vae: Any, pictures: Tensor) -> Tensor:
    latents = vae.encode(2 * pictures.to(vae.dtype) - 1).latent_dist.mean
    rebuilt: Tensor = vae.decode(latents).sample
    return (rebuilt.float() / 2 + 0.5).clamp(0, 1)
