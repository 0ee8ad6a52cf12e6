"""Budgets as people write them: `clip_loss=2%`, `ssim=0.1`, `memory=20GiB`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from objectives.errors import InputError
from objectives.quality import METRICS
from objectives.quality.metric import Metric
from storage.foreign import shown
from storage.records.budgets import (
    CLIP_LOSS,
    MEMORY,
    MIB_PER_UNIT,
    MOST_DISTANCE,
    MOST_LOSS,
    MOST_MEMORY_MIB,
    Budgets,
    exact_amount,
    in_mib,
)
from storage.spelling import likely, suggested

MEMORY_OPTION = "memory"

UNITS = {unit.lower(): unit for unit in MIB_PER_UNIT}
"""Units of memory by their lower-case names, because case does not matter."""

NONE = "none"

Asked = float | None
"""A requested budget; None lifts it."""


@dataclass(frozen=True)
class AskedBudgets:
    """The budgets that a person requests.

    Attributes:
        limits: The limits by their names in `Budgets`; None lifts one.
    """

    limits: Mapping[str, Asked] = field(default_factory=dict)

    def over(self, known: Budgets) -> Budgets:
        """Return these budgets, filled up with the known ones where none is requested.

        Raises:
            InputError: If the budget of the study's own loss would be lifted.
        """
        most, conditions = self.beside(known.loss)
        both = {**known.conditions, **conditions}
        return Budgets(
            known.most_loss if most is None else most,
            {name: most for name, most in both.items() if most is not None},
            known.loss,
        )

    def beside(self, loss: str) -> tuple[float | None, dict[str, Asked]]:
        """Return the greatest loss of a study whose second objective is `loss`, and its conditions.

        Raises:
            InputError: If the budget of that loss would be lifted.
        """
        conditions = dict(self.limits)
        if loss in conditions and conditions[loss] is None:
            raise InputError(
                f"--budget {loss}={NONE}: the loss that a study searches by has a budget; give the "
                f"greatest loss, as {loss}=2%"
            )
        return conditions.pop(loss, None), conditions


def read_budgets(texts: Iterable[str], clip_loss: float | None = None) -> AskedBudgets:
    """Read budgets as `--budget` takes them, each NAME=VALUE.

    Args:
        texts: The given options.
        clip_loss: The greatest CLIP loss, if `--req-score-loss` gave one.

    Raises:
        InputError: If a text is not a budget, or a budget is given twice.
    """
    if clip_loss is not None and not _is_budget(METRICS[CLIP_LOSS], clip_loss):
        raise InputError(
            f"--req-score-loss is the greatest CLIP loss, a share of at most {MOST_LOSS}, such as "
            f"0.02 for 2%, and {clip_loss:g} was given"
        )
    found: dict[str, Asked] = {} if clip_loss is None else {CLIP_LOSS: clip_loss}
    for text in texts:
        name, value = _read(text)
        if name in found:
            twice = "is given twice; give it once"
            if clip_loss is not None and name == CLIP_LOSS:
                twice = "and --req-score-loss set the same budget; give one of them"
            raise InputError(f"--budget {budget_name(name)} {twice}")
        found[name] = value
    return AskedBudgets(found)


def default_budget(loss: str) -> float | None:
    """Return a metric's default budget; None if it has none."""
    return METRICS[loss].default_budget


def budget_name(name: str) -> str:
    """Return the name of a budget as `--budget` takes it."""
    return MEMORY_OPTION if name == MEMORY else name


def budget_words(name: str, most: Asked) -> str:
    """Return a budget as `--budget` takes it."""
    value = NONE if most is None else exact_amount(name, most).replace(" ", "")
    return f"{budget_name(name)}={value}"


def _read(text: str) -> tuple[str, Asked]:
    name, equals, value = (part.strip() for part in text.partition("="))
    names = [*METRICS, MEMORY_OPTION]
    if not equals or not value:
        raise InputError(
            f"--budget is NAME=VALUE, such as clip_loss=2% or memory=20GiB, and {shown(text)} was "
            "given"
        )
    if name not in names:
        hint = suggested(likely(name, names), f"there are {', '.join(names)}")
        raise InputError(f"there is no budget {shown(name)}; {hint}")
    if value.lower() == NONE:
        return MEMORY if name == MEMORY_OPTION else name, None
    if name == MEMORY_OPTION:
        return MEMORY, _memory(value)
    return name, _loss(METRICS[name], value)


def _memory(value: str) -> float:
    """Read an amount of memory, in MiB."""
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([A-Za-z]+)", value)
    unit = found and UNITS.get(found[2].lower())
    mib = in_mib(Decimal(found[1]), unit) if found and unit else 0.0
    if not 0 < mib < MOST_MEMORY_MIB:
        raise InputError(
            "--budget memory is the most peak memory in MiB, GiB, MB or GB, such as memory=20GiB, "
            f"and {shown(value)} was given"
        )
    return mib


def _loss(metric: Metric, value: str) -> float:
    share = 100 if value.endswith("%") else 1
    try:
        # A decimal division: in floats 2.3 / 100 is not 0.023.
        number = float(Decimal(value.removesuffix("%")) / share)
    except (InvalidOperation, ValueError):
        _refuse(metric, value)
    if not _is_budget(metric, number):
        _refuse(metric, value, number)
    return number


def _is_budget(metric: Metric, number: float) -> bool:
    if metric.name == CLIP_LOSS:
        # Below 0 it asks for a better score than the baseline's.
        return -1 < number <= MOST_LOSS
    return 0 <= number <= (MOST_LOSS if metric.more_is_better else MOST_DISTANCE)


def _refuse(metric: Metric, value: str, number: float = -1.0) -> NoReturn:
    """Explain loss budgets, and what to give if the value meant a metric's least value."""
    meant = metric.lost(number) if "pairs" in metric.needs and number > MOST_LOSS else 0.0
    hint = (
        f"; for {metric.title} of at least {value} give {metric.name}={100 * meant:.3g}%"
        if 0 < meant <= MOST_LOSS
        else ""
    )
    most = f", at most {MOST_LOSS:.0%}" if metric.more_is_better else ""
    raise InputError(
        f"--budget {metric.name} is the greatest loss{most}, as {metric.name}=2% or 0.02, and "
        f"{shown(value)} was given{hint}"
    )
