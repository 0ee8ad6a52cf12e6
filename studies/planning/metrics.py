"""Which metrics a study keeps, and which of them may carry a budget."""

from __future__ import annotations

from objectives.errors import InputError
from objectives.quality import METRICS
from objectives.quality.metric import Use
from storage.foreign import shown
from storage.records.budgets import Budgets
from storage.records.protocol import METRICS as USUAL
from storage.records.protocol import Protocol
from storage.spelling import likely, suggested
from studies.request import StudyRequest

WHERE_THEY_WORK = ("ms_ssim",)
"""Metrics that cost next to nothing; they are kept wherever they work, requested or not."""


def kept_metrics(request: StudyRequest, use: Use | None = None) -> tuple[str, ...]:
    """Return the names of the metrics that a study keeps: the usual ones, then the requested ones.

    A budget requests its metric, too.

    Args:
        request: The request.
        use: Where the metrics are used; if None (unknown), only requested metrics are named.

    Raises:
        InputError: If a metric is unknown, or has weights although it is not kept.
    """
    named = {"--metrics": request.metrics, "--loss": (request.loss,), "--weights": request.weights}
    for option, names in named.items():
        for name in names:
            _check_known(option, name)
    limited = (name for name, most in request.conditions.items() if most is not None)
    wanted = {*request.metrics, request.loss, *limited}
    if use is not None:
        wanted |= {name for name in WHERE_THEY_WORK if not METRICS[name].why_not(use)}
    kept = dict.fromkeys([*USUAL, *(name for name in METRICS if name in wanted)])
    for name in request.weights:
        if name not in kept:
            raise InputError(
                f"--weights {name}: the study does not measure {METRICS[name].title}; add "
                f"--metrics {','.join([*request.metrics, name])}"
            )
    return tuple(kept)


def wanted_metrics(request: StudyRequest, budgets: Budgets, protocol: Protocol) -> list[str]:
    """Return the metrics of a run that are requested by name or by a budget.

    Only these metrics make a run measure a point again that lacks one. A metric that the run leaves
    out would still be missing after that.
    """
    named = {*request.metrics, *budgets.conditions}
    return [name for name in METRICS if name in named and name in protocol.metrics]


def _check_known(option: str, name: str) -> None:
    if name not in METRICS:
        hint = suggested(likely(name, METRICS), f"there are {', '.join(METRICS)}")
        raise InputError(f"{option}: there is no metric {shown(name)}; {hint}")


def check_metrics(protocol: Protocol, prompts: list[str]) -> None:
    """Raise InputError if a metric cannot be used under a protocol.

    Args:
        protocol: How the study measures.
        prompts: All prompts, including those of the confirmation.
    """
    use = Use(prompts, protocol.scorer, protocol.height, protocol.width)
    for name in protocol.metrics:
        if reason := METRICS[name].why_not(use):
            option, then = ("--metrics", "leave it out")
            if name == protocol.loss:
                option, then = "--loss", "name another one"
            raise InputError(f"{option} {name} cannot be used here: {reason}; {then}")


def compares_every_picture(budgets: Budgets) -> bool:
    """Tell whether a metric that looks at pictures has a budget.

    Without a budget, such a metric is measured on the timed pairs only. These are few, so its
    interval would be too wide to decide anything.
    """
    limited = (METRICS[name] for name in budgets.limits() if name in METRICS)
    return any("pictures" in metric.needs for metric in limited)
