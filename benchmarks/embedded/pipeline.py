"""One embedded pipeline, its scorer and the held-out captions, ready to be measured."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import diffusers
import open_clip
import torch
from PIL import Image
from torch import Tensor

from benchmarks.embedded.methods import Applied
from objectives.embedded import (
    DIT_DIR,
    FLUX_DIR,
    PIPELINE_DIR,
    PROMPTS_FILE,
    SCORER_DIR,
    SD3_DIR,
    V_DIR,
    XL_DIR,
)
from objectives.embedded.draw import PIXELS, draw
from objectives.embedded.training.flux import packed
from objectives.embedded.training.tokenizer import LENGTH
from objectives.embedded.world import parse_caption
from objectives.pipelines.families import family_of

PACKAGES: Final = (
    "torch",
    "diffusers",
    "transformers",
    "open_clip_torch",
    "DeepCache",
    "tgate",
    "tomesd",
)


FLOW: Final = "FlowMatchEulerDiscreteScheduler"
FLOW_STEPS: Final = (28,)


@dataclass(frozen=True)
class Subject:
    """The subject of a measurement: a pipeline's folder, its guidance and its call's arguments.

    Attributes:
        folder: Folder in diffusers' layout.
        guidance: Guidance scale of the protocol.
        files: How the names of its result files begin.
        arguments: Further arguments of the pipeline's call.
        scheduler: The class of diffusers.
        steps: Numbers of steps that it is measured at.
        latents: Turns latents (N, 4, 16, 16) into what the pipeline's call takes.
    """

    folder: Path
    guidance: float
    files: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    scheduler: str = "DDIMScheduler"
    steps: Sequence[int] = (20, 50)
    latents: Callable[[Tensor], Tensor] | None = None


SUBJECTS: Final[Mapping[str, Subject]] = {
    "tiny-shapes": Subject(PIPELINE_DIR, 12.0, "embedded"),
    "tiny-shapes-v": Subject(V_DIR, 14.5, "tiny-shapes-v"),
    "tiny-shapes-xl": Subject(XL_DIR, 10.0, "tiny-shapes-xl"),
    "tiny-shapes-dit": Subject(
        DIT_DIR,
        4.5,
        "tiny-shapes-dit",
        {"use_resolution_binning": False, "clean_caption": False, "max_sequence_length": LENGTH},
    ),
    "tiny-shapes-sd3": Subject(
        SD3_DIR,
        4.0,
        "tiny-shapes-sd3",
        {"max_sequence_length": LENGTH},
        FLOW,
        FLOW_STEPS,
    ),
    "tiny-shapes-flux": Subject(
        FLUX_DIR,
        3.5,
        "tiny-shapes-flux",
        # Its configuration names no size, and it would draw pictures of 512 pixels a side.
        {"max_sequence_length": LENGTH, "height": PIXELS, "width": PIXELS},
        FLOW,
        FLOW_STEPS,
        packed,
    ),
}


@dataclass(frozen=True)
class Measured:
    """One column of the table: mean CLIP score, clip loss in percent, its error, PSNR in dB."""

    score: float
    loss: float
    loss_error: float
    psnr: float


class EmbeddedPipeline:
    """The pipeline, its scorer and the captions on one device."""

    def __init__(
        self, subject: Subject, device: str, guidance: float, captions: int, batch: int, seed: int
    ) -> None:
        """Load everything; in the dtype that studies take on the device."""
        self.device, self.guidance = torch.device(device), guidance
        self.subject = subject
        self.batch, self.seed = batch, seed
        pipeline: Any = diffusers.DiffusionPipeline
        named = pipeline.load_config(subject.folder)["_class_name"]
        dtype = getattr(torch, family_of(named).dtype_on(self.device))
        self.pipe = pipeline.from_pretrained(subject.folder, dtype=dtype).to(device)
        scheduler: Any = getattr(diffusers, subject.scheduler)
        self.pipe.scheduler = scheduler.from_config(self.pipe.scheduler.config)
        self.pipe.set_progress_bar_config(disable=True)
        name = f"local-dir:{SCORER_DIR}"
        self.scorer, self.preprocess = open_clip.create_model_from_pretrained(name, device=device)
        self.scorer.eval()
        self.tokenize = open_clip.get_tokenizer(name)
        self.captions = PROMPTS_FILE.read_text(encoding="utf-8").splitlines()[:captions]
        self.scenes = [parse_caption(text) for text in self.captions]
        self.text = self.embed_text(self.captions)

    @torch.no_grad()
    def embed_text(self, texts: list[str]) -> Tensor:
        """Return unit text features (N, D)."""
        tokens = self.tokenize(texts).to(self.device)
        return torch.cat(
            [self.scorer.encode_text(t, normalize=True) for t in torch.split(tokens, 512)]
        )

    @torch.no_grad()
    def embed(self, pictures: Tensor) -> Tensor:
        """Return unit image features (N, D) of pictures (N, 3, 64, 64) in [0, 1]."""
        normalize = self.preprocess.transforms[-1]
        parts = torch.split(pictures.to(self.device), 512)
        return torch.cat([self.scorer.encode_image(normalize(p), normalize=True) for p in parts])

    def scores(self, pictures: Tensor, shift: int = 0) -> Tensor:
        """Return the cosine (N,) of each picture with its caption, or another's if shifted."""
        return (self.embed(pictures) * self.text.roll(shift, 0)).sum(dim=1).double().cpu()

    def render(self) -> Tensor:
        """Draw what the captions say: pictures (N, 3, 64, 64) in [0, 1]."""
        return draw(torch.tensor(self.scenes), torch.Generator().manual_seed(self.seed))

    @torch.no_grad()
    def through_vae(self, pictures: Tensor) -> Tensor:
        """Encode and decode pictures."""
        vae = self.pipe.vae
        parts = torch.split(pictures.to(vae.device, vae.dtype), self.batch)
        rebuilt = [vae.decode(vae.encode(2 * p - 1).latent_dist.mean).sample for p in parts]
        return (torch.cat(rebuilt).float() / 2 + 0.5).clamp(0, 1).cpu()

    def generate(self, applied: Applied, steps: int) -> Tensor:
        """Generate a picture for every caption, each from a seed of its own."""
        pictures = []
        with applied(self.pipe) as call:
            for start in range(0, len(self.captions), self.batch):
                prompts = self.captions[start : start + self.batch]
                seeds = range(self.seed + start, self.seed + start + len(prompts))
                noise = torch.cat([self._noise(seed) for seed in seeds])
                result = call(
                    prompts,
                    num_inference_steps=steps,
                    guidance_scale=self.guidance,
                    latents=noise.to(self.device, self.pipe.dtype),
                    output_type="pt",
                    **self.subject.arguments,
                )
                pictures.append(result.images.float().cpu())
        return torch.cat(pictures)

    def _noise(self, seed: int) -> Tensor:
        """Draw what a picture starts from, in single precision whatever the pipeline's.

        torch 2.11 gives half-precision noise on a CPU eleven random bits a value and no tails
        beyond 3.9 (pytorch/pytorch issue 166853), and pictures suffer; torch 2.14 does not.
        """
        side = PIXELS // self.pipe.vae_scale_factor
        shape = (1, self.pipe.vae.config.latent_channels, side, side)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        return noise if self.subject.latents is None else self.subject.latents(noise)

    def compare(self, pictures: Tensor, baseline: Tensor) -> Measured:
        """Compare a method's pictures with the baseline's."""
        score, reference = self.scores(pictures), self.scores(baseline)
        # Paired over captions, as mean and spread of the differences in units of the mean score.
        lost = 100 * (reference - score) / reference.mean()
        error = (pictures - baseline).square().mean(dim=(1, 2, 3)).clamp_min(1e-10)
        return Measured(
            score=float(score.mean()),
            loss=float(lost.mean()),
            loss_error=float(lost.std() / len(lost) ** 0.5),
            psnr=float((-10 * error.log10()).mean()),
        )


def environment(pipeline: EmbeddedPipeline) -> dict[str, Any]:
    """Say where and how the figures were taken."""
    cuda = pipeline.device.type == "cuda"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "device": torch.cuda.get_device_name() if cuda else "CPU",
        "scheduler": pipeline.subject.scheduler.removesuffix("Scheduler"),
        "dtype": str(pipeline.pipe.dtype).removeprefix("torch."),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "captions": len(pipeline.captions),
        "guidance": pipeline.guidance,
        "batch": pipeline.batch,
        "seed": pipeline.seed,
    }


def save_grid(rows: Sequence[Tensor], path: Path) -> None:
    """Save columns of pictures (N, 3, 64, 64) side by side, one caption a row, without loss."""
    grid = torch.stack(list(rows), dim=1)
    count, columns = grid.shape[:2]
    sheet = grid.permute(0, 3, 1, 4, 2).reshape(count * PIXELS, columns * PIXELS, 3)
    image = Image.fromarray((sheet * 255).round().byte().numpy())
    image.save(path, lossless=path.suffix == ".webp")
