"""The results of true_front.py: reading them, choosing from them, and as a page."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from objectives.errors import InputError
from storage.records.points import point_text
from storage.records.trial import Point

TARGETS = {
    ("SD1.5", 1, "deepcache+compile+cuda_graph"): 5.5,
    ("SDXL", 1, "deepcache+compile+cuda_graph"): 4.5,
    ("SD1.5", 1, "cuda_graph"): 2.2,
    ("SDXL", 1, "cuda_graph"): 1.7,
    ("SD1.5", 8, "deepcache+compile+cuda_graph"): 2.5,
    ("FLUX.1-dev", 1, "step_cache+compile+cuda_graph"): 3.0,
    ("FLUX.1-dev", 1, "mag_cache+compile+cuda_graph"): 3.0,
    ("SD3.5-medium", 1, "step_cache+compile+cuda_graph"): 3.0,
}
"""Target speedups, by pipeline, batch size and stack, at its `AIMED_AT`."""

TARGETS_S = {("FLUX.1-dev", 1): 1.7}
"""Target seconds per picture with any of its stacks, by pipeline and batch size."""

AIMED_AT = dict.fromkeys(("FLUX.1-dev", "SD3.5-medium"), ("FlowMatchEuler", 28))
"""Scheduler and steps at which the targets are set; others have `USUALLY_AIMED_AT`."""

USUALLY_AIMED_AT = ("DPM-Solver++", 25)

RANDOM = (
    "Full-size weights are random: times mean what they say, losses mean nothing, so the loss "
    "budget is switched off and the fastest point is simply that, whatever a real model would lose "
    "by it. Encoders that read all prompts beforehand are of one layer: no time holds them. "
    "MagCache leaves out the calls that the published ratios of FLUX.1-dev allow; with other "
    "pipelines it learns the ratios of the random weights, so that its thresholds mean nothing "
    "there."
)
TRAINED = (
    "The pipeline is trained, so losses mean what they say: the answer is the fastest point that "
    "is almost surely inside the loss budget of the study."
)


def read_results(path: Path) -> dict[str, Any]:
    """Read a file of true_front.py.

    Raises:
        InputError: If the file is no such file.
    """
    try:
        results = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        results = None
    if not isinstance(results, dict) or not {"stacks", "batch_size"} <= results.keys():
        raise InputError(f"{path} is no file of true_front.py's; it makes true-front-*.json")
    return results


def points_of(path: Path) -> dict[str, list[Point]]:
    """The points of a true-front file by stack.

    Raises:
        InputError: If it is no such file.
    """
    stacks = read_results(path)["stacks"]
    return {
        name: [trial["params"] for trial in stack.get("trials", [])]
        for name, stack in stacks.items()
    }


def as_markdown(results: Mapping[str, Any]) -> str:
    """The results as tables for people."""
    stacks = {name: each for name, each in results["stacks"].items() if each.get("trials")}
    lines = [f"# The true front of {results['pipeline']} on {results['device']}", ""]
    if stacks:
        lines += [*_about(results, stacks.values()), "", *_table(stacks), ""]
        lines += [f"- {line}" for line in _targets(results, stacks)]
        lines += [f"- {line}" for line in _equality(stacks)]
    lines += [f"- {line}" for line in _lacking(results["stacks"])]
    return "\n".join(lines) + "\n"


def plain_latency(stacks: Mapping[str, Any]) -> float:
    """Seconds per picture of the plain pipeline, over all pairs of all studies."""
    return geometric_mean(
        seconds
        for stack in stacks.values()
        for trial in stack.get("trials", [])
        for seconds in trial["baseline_latencies_s"]
    )


def fastest(trials: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The trial with the least latency; None if there is none.

    The baseline waits for its host, so a speedup varies with that host from trial to trial.
    """
    return min(trials, key=lambda trial: float(trial["latency_s"]), default=None)


def is_trained(stacks: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the weights are trained, so that studies had a loss budget."""
    return any("answer" in stack for stack in stacks)


def is_lossless(trial: Mapping[str, Any]) -> bool:
    """Whether no method leaves anything out at its point."""
    return trial.get("lossy_methods") == []


def chosen(stack: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A stack's default trial, its fastest lossless one and its fastest; each once, and why.

    If losses mean something, the study's answer replaces the fastest.
    """
    trials = stack["trials"]
    found = {
        "default": next((each for each in trials if each["params"] == stack["default"]), None),
        "lossless": fastest(list(filter(is_lossless, trials))),
    }
    if "answer" in stack:
        found["answer"] = next((each for each in trials if each["trial"] == stack["answer"]), None)
    else:
        found["fastest"] = fastest(trials)
    kinds: dict[int, list[str]] = {}
    for kind, trial in found.items():
        if trial is not None:
            kinds.setdefault(trial["trial"], []).append(kind)
    return [(", ".join(kinds[each["trial"]]), each) for each in trials if each["trial"] in kinds]


def _about(results: Mapping[str, Any], stacks: Collection[Mapping[str, Any]]) -> list[str]:
    latest = list(stacks)[-1]
    versions = ", ".join(f"{name} {each}" for name, each in latest["versions"].items() if each)
    dates = ", ".join(sorted({stack["date"] for stack in stacks}))
    return [
        f"{dates}; {versions}. Batches of {results['batch_size']}, {results['steps']} steps of "
        f"{results['scheduler']}, found by what `accelfront study` runs; made by `python -m "
        f"benchmarks.measuring.true_front --pipeline {results['pipeline']}`.",
        "",
        f"{TRAINED if is_trained(stacks) else RANDOM} The default point of each stack stands "
        "beside it. Intervals are those of the studies, which hold for other runs. Warm-up is the "
        "first accelerated generation of a point, which captures; it compiles too, but a process "
        "compiles each shape once, so the first stack bears that. The column `x lossless` tells "
        "how much faster than the fastest lossless point of the same study a point is, by their "
        "latencies.",
    ]


def _table(stacks: Mapping[str, Any]) -> Iterator[str]:
    trained = is_trained(stacks.values())
    yield (
        "| stack | trials | | point | speedup | s a picture | x lossless | warm-up s | peak MiB "
        f"| PSNR dB |{' CLIP loss |' if trained else ''}"
    )
    yield "|---" * (11 if trained else 10) + "|"
    yield f"| plain | | | | 1 | {plain_latency(stacks):.4f} | | | | |{' |' if trained else ''}"
    for name, stack in stacks.items():
        lossless = fastest(list(filter(is_lossless, stack["trials"])))
        count = f"{len(stack['trials'])} of {stack['distinct']}"
        for kinds, trial in chosen(stack):
            row = _row(f"{name} | {count} | {kinds}", trial, lossless)
            yield f"{row} {_loss(trial)} |" if trained else row


def _row(head: str, trial: Mapping[str, Any], lossless: Mapping[str, Any] | None) -> str:
    low, high = trial["speedup_ci"]
    warmup, peak = trial.get("warmup_s"), trial["peak_memory_mib"]
    times = "" if lossless is None else f"{lossless['latency_s'] / trial['latency_s']:.2f}"
    return (
        f"| {head} | {point_text(trial['params'])} | {trial['speedup']:.2f}x ({low:.2f} to "
        f"{high:.2f}) | {trial['latency_s']:.4f} | {times} "
        f"| {'' if warmup is None else f'{warmup:.1f}'} "
        f"| {'' if peak is None else f'{peak:,.0f}'} | {trial['psnr_db']:.1f} |"
    )


def _loss(trial: Mapping[str, Any]) -> str:
    value, low, high = (100 * each for each in (trial["clip_loss"], *trial["clip_loss_ci"]))
    return f"{value:z.1f}% ({low:z.1f} to {high:z.1f})"


def _targets(results: Mapping[str, Any], stacks: Mapping[str, Any]) -> Iterator[str]:
    aimed_at = AIMED_AT.get(results["pipeline"], USUALLY_AIMED_AT)
    if (results["scheduler"], results["steps"]) != aimed_at:
        return
    for (pipeline, batch_size, wanted), target in TARGETS.items():
        if (pipeline, batch_size) != (results["pipeline"], results["batch_size"]):
            continue
        for name, stack in stacks.items():
            best = fastest(stack["trials"])
            if best is not None and set(name.split("+")) == set(wanted.split("+")):
                kept = "kept" if best["speedup"] >= target else "missed"
                yield f"target of {name}: {target}x, {kept} with {best['speedup']:.2f}x"
                if (most_s := TARGETS_S.get((pipeline, batch_size))) is not None:
                    kept = "kept" if best["latency_s"] <= most_s else "missed"
                    yield (
                        f"target of {name}: {most_s} s a picture, {kept} with "
                        f"{best['latency_s']:.2f} s"
                    )


def _equality(stacks: Mapping[str, Any]) -> Iterator[str]:
    for name, stack in stacks.items():
        if largest := stack.get("pixels"):
            equal = sum(difference == 0 for difference in largest)
            yield (
                f"{name} beside the plain pipeline: {equal} of {len(largest)} batches are equal "
                f"bit for bit, the largest difference of a pixel is {max(largest):.4f} of the range"
            )


def _lacking(stacks: Mapping[str, Any]) -> Iterator[str]:
    for name, stack in stacks.items():
        if "reason" in stack:
            yield f"{name} was not measured: {stack['reason']}"
        for failure in stack.get("failed", []):
            yield f"{name}, {failure['point']}: failed: {failure['reason']}"
