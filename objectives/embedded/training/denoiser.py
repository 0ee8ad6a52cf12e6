"""What the trainings of all denoisers share: the pool of latents, the loss, the folder written."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import diffusers
import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional

from objectives.embedded import world
from objectives.embedded.draw import PIXELS, draw
from objectives.embedded.training.loop import Budget, TrainingResult, fit
from objectives.embedded.training.tokenizer import Tokens
from objectives.embedded.training.vae import encode

LATENT_PIXELS: Final = PIXELS // 4
EMPTY_SHARE: Final = 0.1
"""Share of training captions that are empty, so that guidance has an unconditional side."""

Predict = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A denoiser's prediction for noisy latents (N, 4, 16, 16), timesteps (N,) and tokens (N, M)."""


@dataclass(frozen=True)
class Setup:
    """How a denoiser is trained, and where the earlier stages left the models it builds on.

    Attributes:
        root: Folder that holds `scorer/` and `tiny-shapes/vae/`, and gets the pipeline's folder.
        device: Where to train.
        seed: Seed of the weights and of the data.
        budget: How long to train.
        pool: How many pictures are drawn and encoded beforehand.
        compiled: Whether the denoiser goes through `torch.compile`.
    """

    root: Path
    device: torch.device
    seed: int
    budget: Budget
    pool: int
    compiled: bool

    @property
    def vae_dir(self) -> Path:
        """Folder of the autoencoder, which all pipelines share."""
        return self.root / "tiny-shapes" / "vae"

    def load_vae(self, **settings: Any) -> Any:
        """Load the trained `AutoencoderKL`, with settings of a pipeline in its configuration."""
        autoencoder: Any = diffusers.AutoencoderKL
        vae = autoencoder.from_pretrained(self.vae_dir).to(self.device)
        vae.register_to_config(**settings)
        return vae

    def load_scorer(self) -> nn.Module:
        """Load the trained `open_clip.CLIP`, on the CPU."""
        scorer: nn.Module = open_clip.create_model(f"local-dir:{self.root / 'scorer'}")
        return scorer

    def compile(self, denoiser: Any) -> Any:
        """Return the denoiser, compiled if that was asked for."""
        return torch.compile(denoiser) if self.compiled else denoiser

    def compile_blocks(self, blocks: Iterable[nn.Module]) -> None:
        """Compile similar blocks in place, one code for all of them, if that was asked for."""
        if self.compiled:
            for block in blocks:
                block.compile()

    @contextlib.contextmanager
    def seeded(self) -> Iterator[None]:
        """Seed the weights built inside, and restore the global generators afterwards."""
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            yield


def build_scheduler(prediction_type: str = "epsilon") -> Any:
    """Build the noise schedule of SD1.5, SD2.1 and SDXL as a `DDIMScheduler`."""
    scheduler: Any = diffusers.DDIMScheduler
    return scheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction_type,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
    )


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
        Scenes (count, 10) and scaled latents (count, 4, 16, 16) in half precision.
    """
    scenes, latents = [], []
    for start in range(0, count, batch):
        part = world.sample(min(batch, count - start), "train", generator)
        pictures = draw(part, generator)
        latents.append((encode(vae, pictures, batch) * vae.config["scaling_factor"]).half())
        scenes.append(part)
    return torch.cat(scenes), torch.cat(latents)


class Pool:
    """Encoded training pictures with their captions, from which batches are drawn."""

    def __init__(self, setup: Setup, tokens_of: Tokens) -> None:
        """Draw and encode the pictures.

        Args:
            setup: How many, where, and how many make a batch.
            tokens_of: Turns scenes into tokens.
        """
        self.device = setup.device
        self.generator = torch.Generator(setup.device).manual_seed(setup.seed)
        self._batch = setup.budget.batch
        scenes, self._latents = make_latents(setup.load_vae(), setup.pool, self.generator)
        self._tokens = torch.cat([tokens_of(part) for part in torch.split(scenes, 65_536)])
        self._empty = tokens_of.empty(1)

    def draw(self) -> dict[str, Tensor]:
        """A batch: `clean` latents, their `tokens`, some of them of empty captions, and `noise`."""
        source: dict[str, Any] = {"generator": self.generator, "device": self.device}
        size = self._batch
        chosen = torch.randint(0, len(self._latents), (size,), **source)
        chance = torch.rand(size, 1, **source)
        clean = self._latents[chosen].float()
        return {
            "clean": clean,
            "tokens": torch.where(chance < EMPTY_SHARE, self._empty, self._tokens[chosen]),
            "noise": torch.randn(clean.shape, **source),
        }


def train_denoiser(
    setup: Setup,
    name: str,
    modules: nn.ModuleDict,
    predict: Predict,
    tokens_of: Tokens,
    scheduler: Any,
) -> tuple[nn.ModuleDict, TrainingResult]:
    """Train a denoiser and its text encoders on the pool.

    Args:
        setup: How to train.
        name: The name in the progress messages.
        modules: Everything that is trained, on the device.
        predict: Runs the modules; it must not look at the values of tensors.
        tokens_of: Turns scenes into tokens.
        scheduler: Its noise schedule and its `prediction_type`, epsilon or v_prediction.

    Returns:
        The averaged copy of the modules, and how the training went.
    """
    pool = Pool(setup, tokens_of)
    alphas = scheduler.alphas_cumprod.to(setup.device)
    velocity = scheduler.config["prediction_type"] == "v_prediction"

    def batches(_: int) -> dict[str, Tensor]:
        size = (setup.budget.batch,)
        source: dict[str, Any] = {"generator": pool.generator, "device": pool.device}
        return {**pool.draw(), "times": torch.randint(0, len(alphas), size, **source)}

    def loss_of(batch: Any) -> Tensor:
        kept = alphas[batch["times"]][:, None, None, None]
        signal, noise = kept.sqrt(), (1 - kept).sqrt()
        noisy = signal * batch["clean"] + noise * batch["noise"]
        target = signal * batch["noise"] - noise * batch["clean"] if velocity else batch["noise"]
        predicted = predict(noisy, batch["times"], batch["tokens"])
        return functional.mse_loss(predicted.float(), target)

    return fit(modules.train(), loss_of, batches, setup.budget, name)


def save_pipeline(pipeline: Any, out: Path, vae_dir: Path) -> None:
    """Write a pipeline in half precision, with nothing of this machine in it.

    Args:
        pipeline: A diffusers pipeline; its modules are halved in place.
        out: Folder to write.
        vae_dir: Where the autoencoder is: in `out`, or elsewhere and then linked to; if its
            configuration differs, only the weights are linked.
    """
    own = out / "vae"
    if own.is_symlink():
        # Otherwise the pipeline would be saved through it, into another pipeline's folder.
        own.unlink()
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            part.half()
    pipeline.save_pretrained(out)
    if own != vae_dir:
        _link_vae(own, vae_dir)
    for path in out.rglob("config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        config.pop("_name_or_path", None)
        if "dtype" in config:
            # transformers loads the type given here, diffusers float32: they have to agree.
            config["dtype"] = "float32"
        path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _link_vae(own: Path, shared: Path) -> None:
    """Put a link where a pipeline's autoencoder repeats the shared one."""
    configs = [json.loads((folder / "config.json").read_text("utf-8")) for folder in (own, shared)]
    settings = [{k: v for k, v in each.items() if not k.startswith("_")} for each in configs]
    if settings[0] == settings[1]:
        shutil.rmtree(own)
        own.symlink_to(os.path.relpath(shared, own.parent), target_is_directory=True)
        return
    weights = own / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    weights.symlink_to(os.path.relpath(shared / weights.name, own))
