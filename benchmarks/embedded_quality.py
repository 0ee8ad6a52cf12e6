"""How good `tiny-shapes` is, and how much each method costs it.

    python benchmarks/embedded_quality.py                   # everything, wants a GPU
    python benchmarks/embedded_quality.py --captions 16 --no-methods --steps 20 --out FOLDER

Writes embedded-quality.json, embedded-quality.md and embedded-grid.webp, prints the tables, and
exits with 1 if a threshold of the embedded pipeline does not hold.
"""

import argparse
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import diffusers
import open_clip
import torch
from embedded_methods import (
    BRANCHES,
    INTERVALS,
    Applied,
    deepcache_grid,
    other_methods,
    plain,
)
from PIL import Image
from torch import Tensor

from objectives.embedded import PIPELINE_DIR, PROMPTS_FILE, SCORER_DIR
from objectives.embedded.draw import PIXELS, draw
from objectives.embedded.world import parse_caption
from objectives.embedded.zero_shot import ATTRIBUTES, correctness

SEED: Final = 2000
"""Not 1000, the seed of the runs in which the guidance was chosen."""

GUIDANCE: Final = 12.0
STEPS: Final = (20, 50)
GRID_METHODS: Final = (
    "deepcache 2/0",
    "deepcache 3/0",
    "deepcache 5/0",
    "tgate 5/5/1/2",
    "tome 0.5/1",
    "tome 0.75/2",
)

PACKAGES: Final = (
    "torch",
    "diffusers",
    "transformers",
    "open_clip_torch",
    "DeepCache",
    "tgate",
    "tomesd",
)


@dataclass(frozen=True)
class Measured:
    """One column of the table: mean CLIP score, clip loss in percent, its error, PSNR in dB."""

    score: float
    loss: float
    loss_error: float
    psnr: float


class Bench:
    """The pipeline, its scorer and the captions on one device."""

    def __init__(
        self, device: str, guidance: float, captions: int, batch: int, seed: int = SEED
    ) -> None:
        """Load everything; half precision on CUDA, single precision elsewhere."""
        self.device, self.guidance = torch.device(device), guidance
        self.batch, self.seed = batch, seed
        dtype = torch.float16 if self.device.type == "cuda" else torch.float32
        pipeline: Any = diffusers.StableDiffusionPipeline
        self.pipe = pipeline.from_pretrained(PIPELINE_DIR, dtype=dtype).to(device)
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
                result = call(
                    prompts,
                    num_inference_steps=steps,
                    guidance_scale=self.guidance,
                    generator=[torch.Generator().manual_seed(seed) for seed in seeds],
                    output_type="pt",
                )
                pictures.append(result.images.float().cpu())
        return torch.cat(pictures)

    def compare(self, pictures: Tensor, baseline: Tensor) -> Measured:
        """Hold a method's pictures against the baseline's."""
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


def measure(
    bench: Bench, steps: int, methods: Mapping[str, Applied]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Measure the baseline and the methods at a number of steps.

    Returns:
        The figures, and the baseline's and the grid methods' pictures by name.
    """
    baseline = bench.generate(plain, steps)
    score = bench.scores(baseline)
    figures: dict[str, Any] = {
        "clip": float(score.mean()),
        "clip_error": float(score.std() / len(score) ** 0.5),
        "correct": dict(correctness(bench.embed(baseline), bench.scenes, bench.embed_text)),
        "methods": {},
    }
    pictures = {"baseline": baseline}
    for name, applied in methods.items():
        made = bench.generate(applied, steps)
        figures["methods"][name] = asdict(bench.compare(made, baseline))
        if name in GRID_METHODS:
            pictures[name] = made
        print(f"{steps} steps, {name}: {figures['methods'][name]}", file=sys.stderr, flush=True)
    figures["undone"] = bool(torch.equal(bench.generate(plain, steps), baseline))
    return figures, pictures


def checks(figures: Mapping[str, Any]) -> dict[str, bool]:
    """Hold the figures against what the embedded pipeline has to reach."""
    reference = figures["reference"]
    passed = {}
    for steps, result in figures["steps"].items():
        passed[f"{steps} steps: generated >= 0.97 of real"] = (
            result["clip"] >= 0.97 * reference["real"]
        )
        passed[f"{steps} steps: shuffled < 0.2 of generated"] = (
            reference["shuffled"] < 0.2 * result["clip"]
        )
        for attribute in ATTRIBUTES:
            name = f"{steps} steps: {attribute} right in >= 95%"
            passed[name] = result["correct"][attribute] >= 0.95
        passed[f"{steps} steps: methods leave no trace"] = result["undone"]
    methods = figures["steps"].get("20", {}).get("methods")
    if not methods:
        return passed
    for branch in BRANCHES:
        losses = [methods[f"deepcache {interval}/{branch}"]["loss"] for interval in INTERVALS]
        rising = all(a < b for a, b in pairwise(losses))
        passed[f"20 steps: loss rises with the interval at branch {branch}"] = rising
    grid = [m["loss"] for name, m in methods.items() if name.startswith("deepcache")]
    passed["20 steps: DeepCache's grid spans >= 10 points"] = max(grid) - min(grid) >= 10
    return passed


def markdown(figures: Mapping[str, Any]) -> str:
    """Write the figures as a page."""
    where, reference = figures["environment"], figures["reference"]
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    lines = [
        "# Quality of tiny-shapes",
        "",
        f"{where['date']}, {where['device']}, {where['dtype']}, Python {where['python']}, "
        f"{versions}.",
        f"{where['captions']} held-out captions, DDIM, guidance {where['guidance']:g}, "
        f"batches of {where['batch']}, seeds from {where['seed']}. "
        "Scores are cosines of the scorer.",
        "",
        f"Real renders {reference['real']:.4f}, through the VAE {reference['vae']:.4f} "
        f"({reference['vae_psnr']:.1f} dB), shuffled captions {reference['shuffled']:.4f}.",
        "",
        f"| steps | generated (standard error) | of real | {' | '.join(ATTRIBUTES)} |",
        "|---|---|---|" + "---|" * len(ATTRIBUTES),
    ]
    for steps, result in figures["steps"].items():
        right = " | ".join(f"{100 * result['correct'][a]:.1f}%" for a in ATTRIBUTES)
        score = f"{result['clip']:.4f} ({result['clip_error']:.4f})"
        share = result["clip"] / reference["real"]
        lines.append(f"| {steps} | {score} | {share:.3f} | {right} |")
    lines += ["", "Loss of the mean CLIP score in percent (paired standard error), and PSNR:", ""]
    lines += _method_tables(figures["steps"])
    lines += ["", "| threshold | holds |", "|---|---|"]
    lines += [f"| {name} | {'yes' if ok else 'NO'} |" for name, ok in figures["checks"].items()]
    return "\n".join(lines) + "\n"


def _method_tables(steps: Mapping[str, Any]) -> list[str]:
    def cell(result: Mapping[str, Any], name: str) -> str:
        found = result["methods"].get(name)
        if found is None:
            return "-"
        return f"{found['loss']:.2f} ({found['loss_error']:.2f}), {found['psnr']:.1f} dB"

    lines = []
    for count, result in steps.items():
        lines += [
            f"| DeepCache, {count} steps | {' | '.join(f'branch {b}' for b in BRANCHES)} |",
            "|---|" + "---|" * len(BRANCHES),
        ]
        for interval in INTERVALS:
            cells = [cell(result, f"deepcache {interval}/{branch}") for branch in BRANCHES]
            lines.append(f"| interval {interval} | {' | '.join(cells)} |")
        lines.append("")
    names = dict.fromkeys(n for r in steps.values() for n in r["methods"] if "deepcache" not in n)
    if names:
        lines += [
            "T-GATE: gate/sp/fi/warm-up. ToMe: ratio/max_downsample.",
            "",
            f"| method | {' | '.join(f'{count} steps' for count in steps)} |",
            "|---|" + "---|" * len(steps),
        ]
    lines += [f"| {n} | {' | '.join(cell(r, n) for r in steps.values())} |" for n in names]
    return lines


def save_grid(rows: Sequence[Tensor], path: Path) -> None:
    """Save columns of pictures (N, 3, 64, 64) side by side, one caption a row, without loss."""
    grid = torch.stack(list(rows), dim=1)
    count, columns = grid.shape[:2]
    sheet = grid.permute(0, 3, 1, 4, 2).reshape(count * PIXELS, columns * PIXELS, 3)
    image = Image.fromarray((sheet * 255).round().byte().numpy())
    image.save(path, lossless=path.suffix == ".webp")


def environment(bench: Bench) -> dict[str, Any]:
    """Say where and how the figures were taken."""
    cuda = bench.device.type == "cuda"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "device": torch.cuda.get_device_name() if cuda else "CPU",
        "dtype": str(bench.pipe.unet.dtype).removeprefix("torch."),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "captions": len(bench.captions),
        "guidance": bench.guidance,
        "batch": bench.batch,
        "seed": bench.seed,
    }


def main() -> int:
    """Measure, write, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--captions", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS)
    parser.add_argument("--no-methods", dest="methods", action="store_false",
                        help="measure the baseline alone")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    bench = Bench(options.device, options.guidance, options.captions, options.batch, options.seed)
    real = bench.render()
    rebuilt = bench.through_vae(real)
    figures: dict[str, Any] = {
        "environment": environment(bench),
        "reference": {
            "real": float(bench.scores(real).mean()),
            "vae": float(bench.scores(rebuilt).mean()),
            "vae_psnr": bench.compare(rebuilt, real).psnr,
            "shuffled": float(bench.scores(real, shift=1).mean()),
        },
        "steps": {},
    }
    options.out.mkdir(parents=True, exist_ok=True)
    for steps in options.steps:
        methods = {**deepcache_grid(), **other_methods(steps)} if options.methods else {}
        figures["steps"][str(steps)], pictures = measure(bench, steps, methods)
        if steps == options.steps[0]:
            columns = [real, *pictures.values()]
            save_grid([column[:16] for column in columns], options.out / "embedded-grid.webp")
    figures["checks"] = checks(figures)
    text = json.dumps(figures, indent=2)
    (options.out / "embedded-quality.json").write_text(text + "\n", encoding="utf-8")
    page = markdown(figures)
    (options.out / "embedded-quality.md").write_text(page, encoding="utf-8")
    print(page)
    return 0 if all(figures["checks"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
