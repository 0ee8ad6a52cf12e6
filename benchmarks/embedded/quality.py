"""How good an embedded pipeline is, and how much each method costs it.

    python -m benchmarks.embedded.quality                   # tiny-shapes, wants a GPU
    python -m benchmarks.embedded.quality --captions 16 --no-methods --steps 20 --out FOLDER
    python -m benchmarks.embedded.quality --pipeline tiny-shapes-xl --scan 3,5,7.5,10,12,15
    python -m benchmarks.embedded.quality --pipeline tiny-shapes-sd3 --folder FOLDER

Writes NAME-quality.json, NAME-quality.md and NAME-grid.webp (embedded-* for tiny-shapes), prints
the tables, and exits with 1 if a threshold of the embedded pipelines does not hold. A scan writes
NAME-scan.json and NAME-scan.md instead, from which a guidance is chosen.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from benchmarks.embedded.methods import BRANCHES, INTERVALS, Applied, methods_for, plain
from benchmarks.embedded.pipeline import SUBJECTS, EmbeddedPipeline, environment, save_grid
from benchmarks.embedded.quality_page import markdown, scan_table
from benchmarks.shared.result_files import RESULTS, keep_results, out_folder
from objectives.embedded.zero_shot import ATTRIBUTES, correctness

SCAN_SEED: Final = 1000
SEED: Final = 2000
"""Differs from the seed of the runs in which the guidance was chosen."""

SCAN_METHODS: Final[tuple[str, ...]] = (
    "deepcache 2/0",
    "deepcache 3/0",
    "deepcache 5/0",
    "tgate 5/5/1/2",
)
GRID_METHODS: Final = (
    "deepcache 2/0",
    "deepcache 3/0",
    "deepcache 5/0",
    "tgate 5/5/1/2",
    "tome 0.5/1",
    "tome 0.75/2",
)


def measure(
    embedded: EmbeddedPipeline, steps: int, methods: Mapping[str, Applied]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Measure the baseline and the methods at a number of steps.

    Returns:
        The figures, and the baseline's and the grid methods' pictures by name.
    """
    baseline = embedded.generate(plain, steps)
    score = embedded.scores(baseline)
    figures: dict[str, Any] = {
        "clip": float(score.mean()),
        "clip_error": float(score.std() / len(score) ** 0.5),
        "correct": dict(
            correctness(embedded.embed(baseline), embedded.scenes, embedded.embed_text)
        ),
        "methods": {},
    }
    pictures = {"baseline": baseline}
    for name, applied in methods.items():
        made = embedded.generate(applied, steps)
        figures["methods"][name] = asdict(embedded.compare(made, baseline))
        if name in GRID_METHODS:
            pictures[name] = made
        print(f"{steps} steps, {name}: {figures['methods'][name]}", file=sys.stderr, flush=True)
    figures["undone"] = bool(torch.equal(embedded.generate(plain, steps), baseline))
    return figures, pictures


def checks(figures: Mapping[str, Any]) -> dict[str, bool]:
    """Check the figures against what the embedded pipeline must reach."""
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
    methods = figures["steps"].get("20", {}).get("methods", {})
    grid = [m["loss"] for name, m in methods.items() if name.startswith("deepcache")]
    if not grid:
        return passed
    for branch in BRANCHES:
        losses = [methods[f"deepcache {interval}/{branch}"]["loss"] for interval in INTERVALS]
        rising = all(a < b for a, b in pairwise(losses))
        passed[f"20 steps: loss rises with the interval at branch {branch}"] = rising
    passed["20 steps: DeepCache's grid spans >= 10 points"] = max(grid) - min(grid) >= 10
    return passed


def scan(embedded: EmbeddedPipeline, guidances: Sequence[float]) -> list[dict[str, float]]:
    """Measure the baseline and a few methods at several guidance scales.

    Returns:
        For each guidance its CLIP score as a share of real renders', the least attribute's share
        of right pictures, and each method's loss in percent.
    """
    steps = embedded.subject.steps[0]
    real = float(embedded.scores(embedded.render()).mean())
    every = methods_for(embedded.pipe, steps)
    methods = {name: every[name] for name in SCAN_METHODS if name in every}
    rows = []
    for guidance in guidances:
        embedded.guidance = guidance
        figures, _ = measure(embedded, steps, methods)
        losses = {name: found["loss"] for name, found in figures["methods"].items()}
        least = min(figures["correct"].values())
        rows.append(
            {
                "guidance": guidance,
                "of real": figures["clip"] / real,
                "least right": least,
                **losses,
            }
        )
    return rows


def evaluate(
    embedded: EmbeddedPipeline, pipeline: str, steps: Sequence[int], with_methods: bool, grid: Path
) -> dict[str, Any]:
    """Measure the references and, at each number of steps, the baseline and all methods.

    Args:
        embedded: The embedded.
        pipeline: Name of its pipeline.
        steps: Numbers of steps.
        with_methods: Whether the methods are measured too.
        grid: Picture file that gets the first captions' pictures at the first number of steps.

    Returns:
        The figures, with what they have to reach under `checks`.
    """
    real = embedded.render()
    rebuilt = embedded.through_vae(real)
    figures: dict[str, Any] = {
        "pipeline": pipeline,
        "environment": environment(embedded),
        "reference": {
            "real": float(embedded.scores(real).mean()),
            "vae": float(embedded.scores(rebuilt).mean()),
            "vae_psnr": embedded.compare(rebuilt, real).psnr,
            "shuffled": float(embedded.scores(real, shift=1).mean()),
        },
        "steps": {},
    }
    for count in steps:
        methods = methods_for(embedded.pipe, count) if with_methods else {}
        figures["steps"][str(count)], pictures = measure(embedded, count, methods)
        if count == steps[0]:
            save_grid([column[:16] for column in (real, *pictures.values())], grid)
    figures["checks"] = checks(figures)
    return figures


def main() -> int:
    """Measure, write, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pipeline", choices=SUBJECTS, default="tiny-shapes")
    parser.add_argument("--folder", type=Path, help="weights that are not in the repository")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--guidance", type=float, help="default: the pipeline's own")
    parser.add_argument("--scan", type=_numbers, metavar="GUIDANCE,...",
                        help="measure a few methods at each of these and nothing else")  # fmt: skip
    parser.add_argument("--seed", type=int, help=f"default: {SEED}, and {SCAN_SEED} of a scan")
    parser.add_argument("--captions", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, nargs="+", help="default: the pipeline's own")
    parser.add_argument("--no-methods", dest="methods", action="store_false",
                        help="measure the baseline alone")  # fmt: skip
    parser.add_argument("--out", type=out_folder, default=RESULTS)
    options = parser.parse_args()
    subject = SUBJECTS[options.pipeline]
    if options.folder is not None:
        subject = replace(subject, folder=options.folder)
    guidance = subject.guidance if options.guidance is None else options.guidance
    seed = (SCAN_SEED if options.scan else SEED) if options.seed is None else options.seed
    embedded = EmbeddedPipeline(
        subject, options.device, guidance, options.captions, options.batch, seed
    )
    if options.scan:
        rows = scan(embedded, options.scan)
        where = {**environment(embedded), "guidance": options.scan}
        scanned = {
            "pipeline": options.pipeline,
            "steps": subject.steps[0],
            "environment": where,
            "rows": rows,
        }
        page = scan_table(scanned)
        keep_results(f"{subject.files}-scan", scanned, page, options.out)
        print(page)
        return 0
    figures = evaluate(
        embedded,
        options.pipeline,
        options.steps or subject.steps,
        options.methods,
        options.out / f"{subject.files}-grid.webp",
    )
    page = markdown(figures)
    keep_results(f"{subject.files}-quality", figures, page, options.out)
    print(page)
    return 0 if all(figures["checks"].values()) else 1


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
