"""Train the embedded pipelines from scratch: `python -m objectives.embedded.train --out DIR`."""

import argparse
import json
import math
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import torch

from objectives.embedded.training.denoiser import Setup
from objectives.embedded.training.dit import train_dit, train_dit_text
from objectives.embedded.training.flux import train_flux, train_flux_guidance
from objectives.embedded.training.loop import Budget, TrainingResult
from objectives.embedded.training.scorer import train_scorer
from objectives.embedded.training.sd3 import train_sd3
from objectives.embedded.training.unet import train_unet, train_v
from objectives.embedded.training.vae import train_vae
from objectives.embedded.training.xl import train_xl
from objectives.embedded.world import balanced_captions

DENOISERS: Final[Mapping[str, Callable[[Setup], TrainingResult]]] = {
    "unet": train_unet,
    "v": train_v,
    "xl": train_xl,
    "dit-text": train_dit_text,
    "dit": train_dit,
    "sd3": train_sd3,
    "flux": train_flux,
    "flux-guidance": train_flux_guidance,
}
"""The stages that build on the scorer and the autoencoder; both of `dit` also on `unet`, `flux` on
`dit`, and `flux-guidance` on `flux`."""

STAGES: Final = ("scorer", "vae", *DENOISERS)
PROMPTS: Final = 256
POOL: Final = 600_000
"""Pictures encoded before a denoiser is trained."""

BUDGETS: Final[Mapping[str, Budget]] = {
    "scorer": Budget(steps=2600, batch=2048),
    "vae": Budget(steps=4500, batch=256, peak_lr=1.5e-3, decay=0.995),
    "unet": Budget(steps=12_000, batch=512, warmup=300),
    "v": Budget(steps=14_000, batch=512, warmup=300),
    "xl": Budget(steps=20_000, batch=512, warmup=300),
    "dit-text": Budget(steps=6_000, batch=2048, seconds=60.0),
    # At 1e-3 it diverged after 20,000 steps.
    "dit": Budget(steps=30_000, batch=512, peak_lr=4e-4, warmup=1000),
    "sd3": Budget(steps=30_000, batch=512, peak_lr=5e-4, warmup=1000),
    "flux": Budget(steps=30_000, batch=512, peak_lr=5e-4, warmup=1000),
    "flux-guidance": Budget(steps=10_000, batch=512, peak_lr=3e-4, warmup=300),
}


def train(
    out: Path,
    stages: tuple[str, ...],
    device: torch.device,
    seed: int = 0,
    budgets: Mapping[str, Budget] = BUDGETS,
    pool: int = POOL,
    compiled: bool = True,
) -> None:
    """Train some stages in order and write their results, with `training.json` next to them.

    Args:
        out: Folder that gets `scorer/`, a folder for each pipeline, `prompts.txt` and
            `training.json`.
        stages: Which of `STAGES`; the stages that they build on may be there from an earlier call.
        device: Where to train.
        seed: Seed of everything.
        budgets: How long each stage runs.
        pool: Pictures encoded before a denoiser is trained.
        compiled: Whether a denoiser goes through `torch.compile`.
    """
    out.mkdir(parents=True, exist_ok=True)
    captions = balanced_captions(PROMPTS, seed)
    (out / "prompts.txt").write_text("\n".join(captions) + "\n", encoding="utf-8")
    for stage in stages:
        setup = Setup(out, device, seed, budgets[stage], pool, compiled)
        if stage == "scorer":
            outcome = train_scorer(out / "scorer", device, seed, setup.budget)
        elif stage == "vae":
            outcome = train_vae(setup.vae_dir, device, seed, setup.budget)
        else:
            outcome = DENOISERS[stage](setup)
        _note(out / "training.json", stage, seed, device, setup.budget, outcome)


def _note(
    path: Path, stage: str, seed: int, device: torch.device, budget: Budget, outcome: TrainingResult
) -> None:
    """Write down how a stage went, for the model card."""
    notes = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    settings = {k: v for k, v in asdict(budget).items() if v != math.inf}
    packages = ("torch", "diffusers", "transformers", "open_clip_torch")
    notes[stage] = {
        "date": datetime.now(UTC).date().isoformat(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "versions": {name: version(name) for name in packages},
        "python": platform.python_version(),
        "seed": seed,
        "budget": settings,
        "outcome": asdict(outcome),
    }
    path.write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--stage", choices=[*STAGES, "all"], action="append",
                        help="stage to train; may be repeated (default: all)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, help="optimizer steps of every stage")
    parser.add_argument("--batch", type=int, help="batch size of every stage")
    parser.add_argument("--pool", type=int, default=POOL, help="pictures encoded beforehand")
    parser.add_argument("--time-limit", type=float, default=math.inf, metavar="SECONDS",
                        help="limit of every stage's training loop")  # fmt: skip
    parser.add_argument("--no-compile", dest="compiled", action="store_false")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device here; --device cpu works, but takes days at the full size")
    stages = STAGES if not options.stage or "all" in options.stage else tuple(options.stage)
    budgets = {
        name: replace(
            budget,
            steps=options.steps or budget.steps,
            batch=options.batch or budget.batch,
            seconds=min(budget.seconds, options.time_limit),
        )
        for name, budget in BUDGETS.items()
    }
    train(
        options.out,
        tuple(stage for stage in STAGES if stage in stages),
        torch.device(options.device),
        options.seed,
        budgets,
        options.pool,
        options.compiled,
    )


if __name__ == "__main__":
    main()
