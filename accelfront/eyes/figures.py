"""The figures of two points side by side, and their differences."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple

from accelfront.eyes.sides import Couple, Side
from storage.records.budgets import CLIP_LOSS, MEMORY, Figure, amount, figure, title
from storage.records.conclusions.difference import Change, Comparison, difference, ratio
from storage.records.conclusions.words import share_text
from storage.records.measurement import Interval
from storage.records.points import by_short_names
from storage.records.trial import Trial

NOTHING = "-"

BASELINE_SPEEDUP = 1.0, (1.0, 1.0)

ALIKE = 0.05
"""Largest difference of two figures called about the same, if neither is surely greater."""

NO_LOSS = Figure(0.0, 0.0, 0.0)


class Row(NamedTuple):
    """One figure.

    Attributes:
        label: Its name.
        values: Of both sides, each with its interval if there is one.
        change: How far the second one's is from the first one's; empty if that means nothing.
        differs: Whether they differ: beyond their intervals, if they have any.
    """

    label: str
    values: tuple[str, str]
    change: str = ""
    differs: bool = False


def verdict(couple: Couple) -> str:
    """A sentence on how the second one compares with the first."""
    first, second = couple.names
    name = couple.second.study.loss
    speed, loss = _speedup_change(couple), _loss_change(couple, name)
    is_faster = f"is {speed.value:.2f} times as fast as {first}"
    if not speed.differs:
        is_faster = f"is about as fast as {first} ({speed.value:.2f} times)"
        if abs(speed.value - 1) > ALIKE:
            ends = f"{speed.low:.2f} to {speed.high:.2f}"
            is_faster = f"may be as fast as {first} ({speed.value:.2f} times, {ends})"
    told = f"{second[:1].upper()}{second[1:]} {is_faster}"
    if loss is None:
        return f"{told}."
    is_lossy = f"{100 * abs(loss.value):.3g} points {'greater' if loss.value > 0 else 'less'}"
    if not loss.differs:
        is_lossy = f"about the same ({_points(loss)})"
        if abs(loss.value) > ALIKE:
            is_lossy = f"perhaps the same ({_points(loss)}, {_ends(loss)})"
    return f"{told}, and its {title(name)} is {is_lossy}."


def figure_rows(couple: Couple) -> list[Row]:
    """Speed, every loss that either side has, and what else is known about both."""
    speed = _speedup_change(couple)
    times = f"{speed.value:.2f} times ({speed.low:.2f} to {speed.high:.2f})"
    rows = [
        _row("speedup", couple, _speedup_text)._replace(change=times, differs=speed.differs),
        Row("seconds a picture", _seconds(couple)),
        *(_loss_row(couple, name) for name in _metrics(couple)),
        _row("chance to be inside all budgets", couple, _chance_text),
        _row("peak memory", couple, _of_trial(_memory_text)),
        _row("disturbed by", couple, _of_trial(_disturbances)),
        _row("measured again", couple, _of_trial(_again_text)),
    ]
    return [row for row in rows if set(row.values) != {NOTHING}]


def parameter_rows(couple: Couple) -> list[Row]:
    """Every parameter of either side; those that differ are marked."""
    params = [{} if side.trial is None else side.trial.params for side in couple.sides]
    names = {name: name for each in params for name in each}
    rows = [
        _unlike(shown, *(f"{each[name]:g}" if name in each else NOTHING for each in params))
        for shown, name in by_short_names(names).items()
    ]
    # A baseline has no parameters, so all would be marked.
    return rows if couple.first.trial else [row._replace(differs=False) for row in rows]


def setting_rows(couple: Couple) -> list[Row]:
    """Settings in which their studies differ; empty if both are of one study."""
    otherwise = Comparison(couple.first.study, couple.second.study).otherwise
    return [
        _unlike(name.replace("_", " "), _setting(one), _setting(other))
        for name, (one, other) in otherwise.items()
    ]


def _row(label: str, couple: Couple, tell: Callable[[Side], str]) -> Row:
    return Row(label, (tell(couple.first), tell(couple.second)))


def _unlike(label: str, one: str, other: str) -> Row:
    return Row(label, (one, other), differs=one != other)


def _of_trial(tell: Callable[[Trial], str]) -> Callable[[Side], str]:
    """A row's text that only points have, and no baselines."""
    return lambda side: NOTHING if side.trial is None else tell(side.trial) or NOTHING


def _speedup(side: Side) -> tuple[float, Interval]:
    if side.trial is None:
        return BASELINE_SPEEDUP
    return side.trial.judged.speedup, side.trial.judged.speedup_ci


def _speedup_text(side: Side) -> str:
    value, (low, high) = _speedup(side)
    return f"{value:.2f}x" if side.trial is None else f"{value:.2f}x ({low:.2f} to {high:.2f})"


def _seconds(couple: Couple) -> tuple[str, str]:
    """A baseline's seconds are those of the point's trial: different hours do not compare."""
    assert couple.second.trial is not None  # The second is never a baseline.
    judged = couple.second.trial.judged
    first = couple.first.trial
    before = judged.baseline_latency_s if first is None else first.judged.latency_s
    return f"{before:#.3g}", f"{judged.latency_s:#.3g}"


def _speedup_change(couple: Couple) -> Change:
    return ratio(*_speedup(couple.first), *_speedup(couple.second))


def _metrics(couple: Couple) -> list[str]:
    known = [side.trial.judged.metrics for side in couple.sides if side.trial is not None]
    others = [CLIP_LOSS, *(name for metrics in known for name in metrics)]
    return list(dict.fromkeys([couple.second.study.loss, *others]))


def _loss(side: Side, name: str) -> Figure | None:
    """The loss of a side; a baseline loses nothing against itself."""
    return NO_LOSS if side.trial is None else figure(side.trial.judged, name)


def _loss_row(couple: Couple, name: str) -> Row:
    change = _loss_change(couple, name)
    row = _row(title(name), couple, lambda side: _loss_text(side, name))
    if change is None:
        return row
    return row._replace(change=f"{_points(change)} ({_ends(change)})", differs=change.differs)


def _loss_text(side: Side, name: str) -> str:
    known = _loss(side, name)
    if known is None:
        return "not measured"
    if side.trial is None or not isfinite(known.low):
        return amount(name, known.value)
    return f"{amount(name, known.value)} ({amount(name, known.low)} to {amount(name, known.high)})"


def _loss_change(couple: Couple, name: str) -> Change | None:
    """How much more the second one loses; None if either loss, or its interval, is unknown."""
    one, other = (_loss(side, name) for side in couple.sides)
    if one is None or other is None or not isfinite(one.low + other.low):
        return None
    return difference(one.value, (one.low, one.high), other.value, (other.low, other.high))


def _points(change: Change) -> str:
    return f"{100 * change.value:+.3g} points"


def _ends(change: Change) -> str:
    return f"{100 * change.low:+.3g} to {100 * change.high:+.3g}"


def _chance_text(side: Side) -> str:
    trial = side.trial
    return NOTHING if trial is None else share_text(trial.chance_inside(side.study.budgets))


def _memory_text(trial: Trial) -> str:
    known = figure(trial.judged, MEMORY)
    return "" if known is None else amount(MEMORY, known.value)


def _disturbances(trial: Trial) -> str:
    return ", ".join(
        dict.fromkeys(word for each in trial.measurements for word in each.disturbances)
    )


def _again_text(trial: Trial) -> str:
    """Why it was measured again, if it was."""
    done = ["timed again"] if trial.timed_again else []
    return ", ".join(done + ([] if trial.confirmed is None else ["confirmed on unseen prompts"]))


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_setting, value)) or NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{name} {_setting(part)}" for name, part in value.items())
    return NOTHING if value is None else str(value)
