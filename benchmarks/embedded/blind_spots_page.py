"""What the points of a sweep lose where CLIP sees next to nothing, as a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from scipy.stats import spearmanr

from objectives.quality import METRICS
from storage.records.combination import Combination

CLIP = "clip_loss"
CLIP_BUDGET = METRICS[CLIP].default_budget or 0.0

THRESHOLDS = (
    ("attributes", 0.02),
    ("attributes", 0.05),
    ("attributes", 0.10),
    ("ssim", 0.10),
    ("ssim", 0.20),
)
"""Losses that count as let through: of what the picture shows, and of its pixels."""

BUDGETS: tuple[dict[str, float], ...] = (
    {CLIP: CLIP_BUDGET},
    {CLIP: CLIP_BUDGET / 2},
    {CLIP: CLIP_BUDGET, "attributes": 0.02},
    {CLIP: CLIP_BUDGET, "ssim": 0.10},
    {CLIP: CLIP_BUDGET, "ssim": 0.20},
    {CLIP: CLIP_BUDGET, "ms_ssim": 0.10},
    {CLIP: CLIP_BUDGET, "image_similarity": 0.05},
)
"""Budgets that a study may get, to see how much of the bounds each leaves."""

WORST = 10

DrawnPoint = Mapping[str, Any]


def as_markdown(results: Mapping[str, Any]) -> str:
    """What is let through, where, and the cost of other budgets."""
    points = [
        {**point, "study": name}
        for name, drawn in sorted(results["studies"].items())
        for point in drawn
    ]
    versions = ", ".join(f"{name} {each}" for name, each in results["versions"].items())
    lines = [
        "# Where a CLIP budget lets damage through",
        "",
        f"{results['date']}, {results['device']}; {versions}. {len(points):,} points of "
        f"{len(results['studies'])} studies, each drawn on {results['prompts']} prompts; made by "
        "`python -m benchmarks.embedded.blind_spots`. The studies themselves had 32 prompts, and "
        "the speedups are theirs.",
        "",
        *_let_through(points),
        *_answers(points),
        *_budgets(points),
        *_ranks(points),
        *_worst(points),
    ]
    return "\n".join(lines) + "\n"


def loss(point: DrawnPoint, metric: str) -> float:
    """A point's loss in a metric."""
    return float(point["losses"][metric][0])


def _combination(point: DrawnPoint) -> Combination:
    combination = Combination.read(point["study"])
    assert combination is not None  # A study of ours has such a name.
    return combination


def is_inside(point: DrawnPoint, budgets: Mapping[str, float]) -> bool:
    """Whether a point meets budgets by its means."""
    return all(loss(point, metric) <= most for metric, most in budgets.items())


def _let_through(points: Sequence[DrawnPoint]) -> list[str]:
    """The losses in other metrics of points inside the CLIP budget, by stack."""
    inside = [point for point in points if loss(point, CLIP) <= CLIP_BUDGET]
    return [
        f"## Points that lose at most {CLIP_BUDGET:.0%} of CLIP",
        "",
        *_counted(inside, lambda point: _combination(point).method_names, "methods"),
    ]


def _answers(points: Sequence[DrawnPoint]) -> list[str]:
    """What the studies answered, on prompts that they had not seen."""
    answers = [point for point in points if point["is_answer"]]
    if not answers:
        return []
    over = sum(loss(point, CLIP) > CLIP_BUDGET for point in answers)
    return [
        "## What the studies answered",
        "",
        f"Of {len(answers)} answers, {over} lose more than {CLIP_BUDGET:.0%} of CLIP here.",
        "",
        *_counted(answers, lambda point: _combination(point).pipeline, "pipeline"),
    ]


def _counted(
    points: Sequence[DrawnPoint], key: Callable[[DrawnPoint], str], title: str
) -> list[str]:
    """How many points of each kind lose more than each threshold, and a last row of all."""
    by_kind: dict[str, list[DrawnPoint]] = defaultdict(list)
    for point in points:
        by_kind[key(point)].append(point)
    heads = [f"{METRICS[metric].title} over {most:.0%}" for metric, most in THRESHOLDS]
    rows = [f"| {title} | points | {' | '.join(heads)} |", "|---" * (2 + len(heads)) + "|"]
    for kind, found in [*sorted(by_kind.items()), ("all", list(points))]:
        counts = [sum(loss(each, metric) > most for each in found) for metric, most in THRESHOLDS]
        shares = [f"{count} ({count / len(found):.0%})" for count in counts] if found else []
        rows.append(f"| {kind} | {len(found)} | {' | '.join(shares)} |")
    return [*rows, ""]


def _budgets(points: Sequence[DrawnPoint]) -> list[str]:
    """How much of each study's bound is left under other budgets, and what they let through."""
    studies: dict[str, list[DrawnPoint]] = defaultdict(list)
    for point in points:
        studies[point["study"]].append(point)
    lines = [
        "## What budgets would keep out",
        "",
        "The fastest point of each study that is inside by its means; 1x where none is.",
        "",
        "| budgets | median bound | above 1x | of those, attributes over 2% | over 5% |",
        "|---|---|---|---|---|",
    ]
    for budgets in BUDGETS:
        best = [
            max(
                (each for each in found if is_inside(each, budgets)),
                key=lambda each: float(each["speedup"]),
                default=None,
            )
            for found in studies.values()
        ]
        quick = [each for each in best if each is not None and each["speedup"] > 1]
        bounds = [float(each["speedup"]) for each in quick] + [1.0] * (len(best) - len(quick))
        words = " and ".join(f"{METRICS[name].title} {most:.0%}" for name, most in budgets.items())
        over = [sum(loss(each, "attributes") > most for each in quick) for most in (0.02, 0.05)]
        lines.append(
            f"| {words} | {median(bounds):.2f}x | {len(quick)} of {len(best)} | {over[0]} "
            f"| {over[1]} |"
        )
    return [*lines, ""]


def _ranks(points: Sequence[DrawnPoint]) -> list[str]:
    """How similarly two metrics rank points."""
    names = [name for name in METRICS if all(name in point["losses"] for point in points)]
    lines = [
        "## Do metrics agree",
        "",
        "Spearman's rank correlation of the points' losses.",
        "",
        f"| | {' | '.join(METRICS[name].title for name in names)} |",
        "|---" * (1 + len(names)) + "|",
    ]
    columns = {name: [loss(point, name) for point in points] for name in names}
    for name in names:
        cells = [f"{spearmanr(columns[name], columns[other])[0]:.2f}" for other in names]
        lines.append(f"| {METRICS[name].title} | {' | '.join(cells)} |")
    return [*lines, ""]


def _worst(points: Sequence[DrawnPoint]) -> list[str]:
    """The points inside the CLIP budget whose pictures show least of their prompts."""
    inside = [point for point in points if loss(point, CLIP) <= CLIP_BUDGET]
    inside.sort(key=lambda point: -loss(point, "attributes"))
    shown = (CLIP, "attributes", "ssim", "image_similarity")
    lines = [
        "## The worst of those inside",
        "",
        f"| study | point | speedup | {' | '.join(METRICS[name].title for name in shown)} |",
        "|---" * (3 + len(shown)) + "|",
    ]
    for point in inside[:WORST]:
        params = ", ".join(f"{name.split('.')[-1]} {v:g}" for name, v in point["params"].items())
        cells = [_cell(point["losses"][name]) for name in shown]
        lines.append(
            f"| {point['study']} | {params} | {point['speedup']:.2f}x | {' | '.join(cells)} |"
        )
    return lines


def _cell(estimate: Sequence[float]) -> str:
    value, low, high = (100 * each for each in estimate)
    return f"{value:z.1f}% ({low:z.1f} to {high:z.1f})"
