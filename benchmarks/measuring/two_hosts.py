"""Do captured latencies hold on another host? Compares two machines point by point.

    python -m benchmarks.measuring.true_front --pipeline SD1.5 --out first
    python -m benchmarks.measuring.true_front --pipeline SD1.5 --out second --again first/NAME.json
    python -m benchmarks.measuring.two_hosts first/NAME.json second/NAME.json

where the second command runs on another machine of the same kind. A latency holds if the second is
within 3% of the first. Points that are not captured are shown too, as they wait for their host.
Thresholds that each machine learned for itself are compared with the nearest.
Writes `two-hosts-<what was measured>.json` and `.md` into `--out`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import exp, hypot, log
from pathlib import Path
from typing import Any

from benchmarks.measuring.true_front_page import read_results
from benchmarks.shared.result_files import keep_results, results_parser
from objectives.errors import InputError
from objectives.statistics import latency
from storage.records.conclusions.learned_anew import counterpart
from storage.records.points import point_text

TOLERANCE = 0.03
"""How far a captured latency may differ on another host, as a share of the first."""

CAPTURED = "cuda_graph"

SETTINGS = ("pipeline", "device", "scheduler", "steps", "batch_size")


def main() -> None:
    """Compare two files, and keep the results."""
    parser = results_parser(__doc__)
    parser.add_argument("first", type=Path, help="a file of true_front.py")
    parser.add_argument("second", type=Path, help="the same of another machine")
    options = parser.parse_args()
    try:
        first, second = read_results(options.first), read_results(options.second)
    except InputError as error:
        parser.error(str(error))
    differing = [name for name in SETTINGS if first[name] != second[name]]
    if differing:
        parser.error(f"the files differ in {', '.join(differing)}; give two of the same settings")
    points = list(compared(first, second))
    if not points:
        parser.error("no point is in both files; measure the second with --again FIRST")
    results = {
        "name": first["name"].replace("true front", "two hosts"),
        **{setting: first[setting] for setting in SETTINGS},
        "dates": [dates_of(each) for each in (first, second)],
        "versions": next(iter(second["stacks"].values()))["versions"],
        **summed_up(points),
        "points": points,
    }
    keep_results(results["name"], results, as_markdown(results), options.out)
    print(as_markdown(results))


def dates_of(front: Mapping[str, Any]) -> str:
    """When a front was measured."""
    return ", ".join(sorted({each["date"] for each in front["stacks"].values() if "date" in each}))


def compared(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The latencies of each point that both machines measured, and of the plain pipeline."""
    for stack, before in first["stacks"].items():
        after = second["stacks"].get(stack, {})
        choices = [each.get("learned_choices", {}) for each in (before, after)]
        for one in before.get("trials", []):
            for two in after.get("trials", []):
                if counterpart(one["params"], *choices) == two["params"]:
                    yield {
                        "stack": stack,
                        "params": one["params"],
                        "second_params": two["params"],
                        "is_captured": CAPTURED in stack.split("+"),
                        **ratio(one["latencies_s"], two["latencies_s"]),
                        "plain": ratio(one["baseline_latencies_s"], two["baseline_latencies_s"]),
                    }


def ratio(first_s: Sequence[float], second_s: Sequence[float]) -> dict[str, Any]:
    """How much longer the second host takes, with the interval of both hosts' repeats."""
    first, second = latency(first_s), latency(second_s)
    middle = log(second.value / first.value)
    half = hypot(log(first.high / first.value), log(second.high / second.value))
    return {
        "first_s": first.value,
        "second_s": second.value,
        "ratio": second.value / first.value,
        "ratio_ci": [exp(middle - half), exp(middle + half)],
        "holds": abs(second.value / first.value - 1) <= TOLERANCE,
    }


def summed_up(points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many latencies hold, and how far the farthest is, captured and not."""
    kinds = {
        "captured": [point for point in points if point["is_captured"]],
        "eager": [point for point in points if not point["is_captured"]],
        "plain": [point["plain"] for point in points],
    }
    return {
        kind: {
            "points": len(each),
            "hold": sum(point["holds"] for point in each),
            "farthest": max((point["ratio"] for point in each), key=lambda it: abs(log(it))),
        }
        for kind, each in kinds.items()
        if each
    }


def as_markdown(results: Mapping[str, Any]) -> str:
    """The results as a table for people."""
    first, second = results["dates"]
    versions = ", ".join(f"{name} {each}" for name, each in results["versions"].items() if each)
    lines = [
        f"# {results['pipeline']} on two hosts: {results['device']}",
        "",
        f"Batches of {results['batch_size']}, {results['steps']} steps of {results['scheduler']}; "
        f"the first on {first}, the second on {second}; {versions}. Made by `python -m "
        f"benchmarks.measuring.two_hosts`. A latency holds if it differs by at most "
        f"{TOLERANCE:.0%}; the interval of the ratio is that of both hosts' repeats.",
        "",
    ]
    for kind, each in results.items():
        if kind in ("captured", "eager", "plain"):
            lines.append(
                f"- {kind}: {each['hold']} of {each['points']} latencies hold; the farthest is "
                f"{each['farthest']:.3f} of the first"
            )
    lines += [
        "",
        "| stack | point | first s | second s | second / first | holds | plain beside it |",
        "|---|---|---|---|---|---|---|",
    ]
    for point in results["points"]:
        low, high = point["ratio_ci"]
        lines.append(
            f"| {point['stack']} | {_told(point)} | {point['first_s']:.4f} "
            f"| {point['second_s']:.4f} | {point['ratio']:.3f} ({low:.3f} to {high:.3f}) "
            f"| {'yes' if point['holds'] else 'no'} | {point['plain']['ratio']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _told(point: Mapping[str, Any]) -> str:
    """The point of both machines."""
    first, second = point_text(point["params"]), point_text(point["second_params"])
    return first if first == second else f"{first}, on the second {second}"


if __name__ == "__main__":
    main()
