"""Which method reaches a loss with the least work, as a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from objectives.quality import METRICS
from storage.records.combination import Combination

OURS = "step_cache"
BUDGETS = (0.005, 0.01, 0.02, 0.05)
"""The budgets of each loss that counts."""

Metrics = tuple[str, ...]

CLIP: Metrics = ("clip_loss",)
CLIP_AND_CONTENT: Metrics = ("clip_loss", "attributes")
"""Also the loss of what pictures show, where CLIP sees next to nothing."""

LEVEL = 0.02
"""Two points whose work differs by less count as equal."""

CLAIM = (6, 28)
"""BudCache's shares: so many of so many calls in full, on FLUX (arXiv 2606.13496)."""

Point = Mapping[str, Any]
Cases = Mapping[str, Mapping[str, Sequence[Point]]]
"""The points by case, then by method."""


@dataclass(frozen=True)
class Choice:
    """The point with the least work that one half of the prompts leaves a method for a budget.

    Attributes:
        method: Its name.
        work: Work of the denoiser, as a share of the plain pipeline's.
        losses: The loss on the other half, by metric, each with its interval's ends.
        params: The point.
        holds: Whether the budget is still possible by prompts that did not choose the point.
    """

    method: str
    work: float
    losses: Mapping[str, Sequence[float]]
    params: Mapping[str, float]
    holds: bool


def as_markdown(results: Mapping[str, Any]) -> str:
    """Who wins where, what we cannot beat, and all choices."""
    cases = cases_of(results["pieces"])
    versions = ", ".join(f"{name} {each}" for name, each in results["versions"].items() if each)
    drawn = sum(len(points) for points in results["pieces"].values())
    half = results["prompts"] // 2
    done, wanted = len(results["pieces"]), results["wanted"]
    lines = [
        f"# {OURS} against its rivals at equal loss",
        "",
        f"{results['date']}, {results['device']}; {versions}. {drawn:,} points, each drawn on "
        f"{2 * half} prompts that no training saw; made by "
        "`python -m benchmarks.embedded.equal_loss`.",
        "",
        f"{half} prompts choose: of each method the point with the least work that loses no more "
        f"than the budget. The other {half} judge it: a choice whose interval lies above the "
        "budget there does not count. Work is that of the denoiser's calls in floating-point "
        "operations, as they were made; 2x is half of the plain pipeline's. It is no speedup: what "
        "a call costs besides is not in it.",
        "",
        *_not_reached(done, wanted),
        *_winners(cases, CLIP),
        *_not_ours(cases, CLIP),
        *_winners(cases, CLIP_AND_CONTENT),
        *_not_ours(cases, CLIP_AND_CONTENT),
        *_luck(cases),
        *_claim(cases),
    ]
    for case, methods in cases.items():
        lines += _all_choices(case, methods)
    return "\n".join(lines) + "\n"


def cases_of(pieces: Mapping[str, Sequence[Point]]) -> Cases:
    """Put the pieces together."""
    cases: dict[str, dict[str, list[Point]]] = defaultdict(lambda: defaultdict(list))
    for name, points in sorted(pieces.items()):
        combination = Combination.read(name.rpartition("--")[0])
        assert combination is not None  # A piece of ours has such a name.
        case = f"{combination.pipeline}, {combination.scheduler}, {combination.steps} steps"
        cases[case][combination.method_names] += points
    return cases


def choice_of(
    method: str, points: Sequence[Point], budget: float, metrics: Metrics = CLIP
) -> Choice | None:
    """The choice of one half of the prompts; None if every point loses more in a metric."""
    inside = [
        point
        for point in points
        if all(point["choosing"][metric][0] <= budget for metric in metrics)
    ]
    if not inside:
        return None
    best = min(inside, key=lambda point: float(point["work"]))
    judged = best["judging"]
    holds = all(judged[metric][1] <= budget for metric in metrics)
    return Choice(method, best["work"], judged, best["params"], holds)


def _ranked(
    methods: Mapping[str, Sequence[Point]], budget: float, metrics: Metrics
) -> list[Choice]:
    """The choices that hold, least work first."""
    chosen = [choice_of(method, points, budget, metrics) for method, points in methods.items()]
    holding = [choice for choice in chosen if choice is not None and choice.holds]
    return sorted(holding, key=lambda choice: choice.work)


def _title(metrics: Metrics) -> str:
    """The metrics of the budgets."""
    return " and ".join(METRICS[metric].title for metric in metrics)


def _not_reached(done: int, wanted: int) -> list[str]:
    """A note that pieces are missing, in which a method may have a better point."""
    if done >= wanted:
        return []
    return [
        f"{done} of {wanted} pieces are drawn, in an order of no meaning: a method that lacks "
        "somewhere was not reached there, and others may have better points.",
        "",
    ]


def _winners(cases: Cases, metrics: Metrics) -> list[str]:
    """The best method of each case and budget, and the next."""
    lines = [
        f"## Who needs the least work, by {_title(metrics)}",
        "",
        f"| pipeline | {' | '.join(f'{budget:.1%}' for budget in BUDGETS)} |",
        "|---" * (1 + len(BUDGETS)) + "|",
    ]
    for case, methods in cases.items():
        cells = []
        for budget in BUDGETS:
            ranked = _ranked(methods, budget, metrics)
            named = [f"{each.method} {1 / each.work:.2f}x" for each in ranked]
            cells.append(", ".join([f"**{named[0]}**", *named[1:2]]) if named else "none")
        lines.append(f"| {case} | {' | '.join(cells)} |")
    return [*lines, ""]


def _not_ours(cases: Cases, metrics: Metrics) -> list[str]:
    """Each case and budget at which a rival is ahead of ours, or level with it."""
    lines, count = [], 0
    for case, methods in cases.items():
        if OURS not in methods:
            continue
        for budget in BUDGETS:
            count += 1
            ranked = _ranked(methods, budget, metrics)
            ours = next((each for each in ranked if each.method == OURS), None)
            rival = next((each for each in ranked if each.method != OURS), None)
            least = 1.0 if rival is None else rival.work
            if ours is not None and ours.work < least * (1 - LEVEL):
                continue
            reached = "no point that holds" if ours is None else f"{1 / ours.work:.2f}x"
            other = "the plain pipeline" if rival is None else rival.method
            lines.append(f"- {case}, {budget:.1%}: {other} {1 / least:.2f}x, {OURS} {reached}")
    return [
        f"Where {OURS} does not win: at {len(lines)} of {count} budgets a rival needs less work, "
        f"or less than {LEVEL:.0%} more.",
        "",
        *lines,
        "",
    ]


def _luck(cases: Cases) -> list[str]:
    """How many choices of each method lose more than the budget on prompts that did not choose."""
    found: dict[str, list[tuple[float, Choice]]] = defaultdict(list)
    for methods in cases.values():
        for method, points in methods.items():
            choices = [(budget, choice_of(method, points, budget)) for budget in BUDGETS]
            found[method] += [(budget, each) for budget, each in choices if each is not None]
    lines = [
        "## How much of it is luck",
        "",
        "A choice lies just inside its budget, so about half of them lose more than it on the "
        "other prompts. Where more do, the method was lucky, as one with many points often is.",
        "",
        "| method | choices | lose more than the budget where judged | do not count |",
        "|---|---|---|---|",
    ]
    for method, chosen in found.items():
        more = sum(each.losses["clip_loss"][0] > budget for budget, each in chosen)
        broken = sum(not each.holds for _, each in chosen)
        lines.append(f"| {method} | {len(chosen)} | {more} | {broken} |")
    return [*lines, ""]


def _claim(cases: Cases) -> list[str]:
    """How much of the pictures is left at the share of full calls that BudCache names."""
    full, calls = CLAIM
    lines = [
        "## At BudCache's share of calls",
        "",
        f"BudCache (arXiv 2606.13496) searches a mask by simulated annealing and tells of up to "
        f"3.7x at {full} of {calls} calls on FLUX. The points of {OURS} with {full} of {calls} "
        "full calls and no block at the others, the one that loses least where it is chosen:",
        "",
        "| pipeline | points | work | CLIP loss | attributes | point |",
        "|---|---|---|---|---|---|",
    ]
    for case, methods in cases.items():
        points = [
            point
            for point in methods.get(OURS, ())
            if -(-calls // point["params"][f"{OURS}.interval"]) == full
            and point["params"][f"{OURS}.kept_layers"] <= 0
        ]
        if f" {calls} steps" in case and points:
            best = min(points, key=lambda point: float(point["choosing"]["clip_loss"][0]))
            lost = best["judging"]
            lines.append(
                f"| {case} | {len(points)} | {1 / best['work']:.2f}x | {_cell(lost['clip_loss'])} "
                f"| {_cell(lost['attributes'])} | {_words(best['params'])} |"
            )
    return [*lines, ""]


def _all_choices(case: str, methods: Mapping[str, Sequence[Point]]) -> list[str]:
    """The choices of each method for each budget, with their losses on the other half."""
    lines = [
        f"## {case}",
        "",
        "| budget | method | points | work | CLIP loss | attributes | point |",
        "|---|---|---|---|---|---|---|",
    ]
    for budget in BUDGETS:
        for method, points in methods.items():
            choice = choice_of(method, points, budget)
            if choice is None:
                row = "none | | | "
            else:
                kept = "" if choice.holds else ", over"
                row = (
                    f"{1 / choice.work:.2f}x | {_cell(choice.losses['clip_loss'])}{kept} "
                    f"| {_cell(choice.losses['attributes'])} | {_words(choice.params)}"
                )
            lines.append(f"| {budget:.1%} | {method} | {len(points)} | {row} |")
    return [*lines, ""]


def _cell(loss: Sequence[float]) -> str:
    value, low, high = (100 * each for each in loss)
    return f"{value:z.1f}% ({low:z.1f} to {high:z.1f})"


def _words(params: Mapping[str, float]) -> str:
    return ", ".join(f"{name.split('.')[-1]} {value:g}" for name, value in params.items())
