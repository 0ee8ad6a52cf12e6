"""The page of efficiency.py: the tables that people read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.search.step_times import TIME_POINTS

Search = dict[str, Any]

HELD_OUT = "Scenes recorded when all was settled"


class Measure:
    """A figure of some searches: a mean and its standard error, with equal weight for every scene.

    Searches of one scene each have their own truth and are independent.
    """

    def __init__(self, searches: Iterable[Search], of: Callable[[Search], float | None]) -> None:
        """Take the figure of every search that has one."""
        groups: dict[str, list[float]] = {}
        for search in searches:
            if (value := of(search)) is not None:
                groups.setdefault(search["scene"], []).append(value)
        means = [np.mean(values) for values in groups.values()]
        errors = [np.var(values, ddof=1) / len(values) for values in groups.values() if values[1:]]
        self.is_known = bool(groups)
        self.mean = float(np.mean(means)) if groups else np.nan
        # If a scene has a single search, it errs like the others.
        self.error = float(np.sqrt(np.mean(errors) / len(groups))) if errors else np.nan

    def percent(self) -> str:
        """Such as `12% ± 2`."""
        error = "" if np.isnan(self.error) else f" ± {100 * self.error:.0f}"
        return f"{100 * self.mean:.0f}%{error}" if self.is_known else "-"

    def plain(self) -> str:
        """Such as `.95`."""
        return f"{self.mean:.2f}".removeprefix("0") if self.is_known else "-"


def as_markdown(results: dict[str, Any]) -> str:
    """The tables that people read."""
    searches, looks = results["searches"], [str(look) for look in results["looks"]]
    # As JSON has them.
    searches = [
        {**each, "looks": {str(look): told for look, told in each["looks"].items()}}
        for each in searches
    ]
    ways = list(dict.fromkeys(each["way"] for each in searches))
    versions = ", ".join(f"{name} {each}" for name, each in results["versions"].items())
    rules = [rule for rule in searches[0]["looks"][looks[0]] if rule not in ("share", "points")]
    lines = [
        "# What a search is worth",
        "",
        f"{results['date']}, {results['machine']}, {versions}; "
        f"`python -m benchmarks.search.efficiency`, {results['cpu_s']:,} CPU seconds. Every search "
        f"has a truth of its own and is told what a sample of {results['prompts']} prompts of it "
        "says; all figures are of the truth. Means over scenes that count alike, ± one standard "
        "error. Valid speed: the true speedup of answers that are right, as a share of the "
        "greatest possible one; utility: the same, with 0 for a wrong answer and the baseline's "
        "where there is none.",
    ]
    held_out = {scene["scene"] for scene in results["scenes"] if scene["held_out"]}
    for title, is_held_out in (("Scenes that were at hand", False), (HELD_OUT, True)):
        own = [each for each in searches if (each["scene"] in held_out) == is_held_out]
        if not own:
            continue
        lines += ["", f"## {title}"]
        for rule in rules:
            lines += ["", f"Answers {rule}:", "", *_answer_lines(own, ways, rule, looks)]
        lines += ["", "Share of the true front:", "", *_front_lines(own, ways, looks)]
    lines += ["", "## Scene by scene", "", *_scene_lines(results["scenes"], searches, ways, looks)]
    return "\n".join([*lines, *_time_lines(results["times"])]) + "\n"


def _answer_lines(
    searches: Sequence[Search], ways: Sequence[str], rule: str, looks: Sequence[str]
) -> list[str]:
    """How often a rule's answers are wrong, and how good they are."""
    measures: dict[str, Callable[[str, float], float | None]] = {
        "wrong": lambda verdict, speed: float(verdict == "wrong"),
        "valid speed": lambda verdict, speed: speed if verdict == "right" else None,
        "utility": lambda verdict, speed: 0.0 if verdict == "wrong" else speed,
    }
    heads = [f"{name}, {look}" for name in measures for look in looks]
    lines = [_row(["way", *heads]), "|---" * (len(heads) + 1) + "|"]
    for way in ways:
        own = [each for each in searches if each["way"] == way]
        cells = []
        for name, measure in measures.items():
            for look in looks:
                told = Measure(own, partial(_of_answer, measure, rule, look))
                cells.append(told.percent() if name == "wrong" else told.plain())
        lines.append(_row([way, *cells]))
    return lines


def _front_lines(
    searches: Sequence[Search], ways: Sequence[str], looks: Sequence[str]
) -> list[str]:
    """How much of the front the points hold."""
    heads = [
        "way", "searches", *(f"{look} points" for look in looks), "measured in full",
        "99%: searches that got there", "median points", "CPU ms a proposal",
    ]  # fmt: skip
    lines = [_row(heads), "|---" * len(heads) + "|"]
    patient = {each["way"] for each in searches if each["until"] and each["until"] > int(looks[-1])}
    for way in ways:
        own = [each for each in searches if each["way"] == way]
        shares = [Measure(own, partial(_share, look)) for look in looks]
        full = np.mean([each["looks"][looks[-1]]["points"] for each in own])
        until = [each["until"] or np.inf for each in own]
        median = float(np.median(until))
        there = f"{np.isfinite(until).mean():.0%}" if way in patient else "-"
        points = f"{median:.0f}" if way in patient and np.isfinite(median) else "-"
        cost = 1000 * np.mean([each["proposing_s"] for each in own])
        cells = [str(len(own)), *(f"{s.mean:.3f} ± {s.error:.3f}" for s in shares)]
        lines.append(_row([way, *cells, f"{full:.1f}", there, points, f"{cost:.0f}"]))
    return lines


def _scene_lines(
    scenes: Sequence[dict[str, Any]],
    searches: Sequence[Search],
    ways: Sequence[str],
    looks: Sequence[str],
) -> list[str]:
    """The share of the true front after the last look, by scene."""
    last = looks[-1]
    heads = ["scene", "points", "inside", "bound", "fewest", *ways]
    lines = [
        f"Share of the true front after {last} points. Inside: of all points, in the median truth; "
        "bound: its least, median and greatest value; fewest: so many points hold 99%.",
        "",
        _row(heads),
        "|---" * len(heads) + "|",
    ]
    for scene in scenes:
        low, middle, high = scene["bound"]
        cells = [scene["scene"], f"{scene['points']:,}", f"{scene['inside']:.0%}"]
        cells += [f"{middle:.2f}x ({low:.2f} to {high:.2f})", str(scene["fewest"])]
        for way in ways:
            own = [s for s in searches if s["way"] == way and s["scene"] == scene["scene"]]
            cells.append(Measure(own, partial(_share, last)).plain())
        lines.append(_row(cells))
    return lines


def _share(look: str, search: Search) -> float | None:
    share: float | None = search["looks"][look]["share"]
    return share


def _of_answer(
    measure: Callable[[str, float], float | None], rule: str, look: str, search: Search
) -> float | None:
    return measure(*search["looks"][look][rule])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _time_lines(times: Sequence[dict[str, Any]]) -> list[str]:
    """How well the model of time predicts the others from few points."""
    lines = [
        "",
        "## Speedup predicted from few points",
        "",
        "Error at all other timed points, their own noise included: median (95% of points within).",
        "",
        f"| timed | device | points | repeats | {' | '.join(f'from {n}' for n in TIME_POINTS)} |",
        "|---|---|---|---|" + "---|" * len(TIME_POINTS),
    ]
    for each in times:
        cells = []
        for count in TIME_POINTS:
            error = each["errors"].get(str(count))
            cells.append(f"{error[0]:.1%} ({error[1]:.1%})" if error else "-")
        lines.append(
            f"| {each['table']} | {each['device']} | {each['points']} | {each['repeats']} "
            f"| {' | '.join(cells)} |"
        )
    return lines
