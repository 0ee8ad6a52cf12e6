"""The limits of a task on a metric or on memory."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from generator.tasks.measure import LEAST, MOST, Measure
from generator.tasks.words import Kind
from objectives.errors import InputError
from objectives.quality import METRICS
from objectives.quality.metric import Metric
from storage.records.budgets import (
    MEMORY,
    MOST_DISTANCE,
    MOST_LOSS,
    MOST_MEMORY_MIB,
    in_mib,
    metric_title,
)

MEMORY_EXAMPLE = '"memory at most 20 GiB"'

_BESIDE = frozenset({Kind.LOSS, Kind.QUALITY})
"""The kinds of words that may stand next to a metric's name."""


class Limit(NamedTuple):
    """A budget of a task.

    Attributes:
        name: A metric's name, or `memory_mib`.
        most: The greatest loss, or the most memory.
        notes: Pieces that could have been read differently.
    """

    name: str
    most: float
    notes: tuple[str, ...] = ()


def read_limit(measure: Measure, piece: str) -> Limit | None:
    """Read the limit that a measure sets; None if it is neither on a metric nor on memory.

    Args:
        measure: The measure.
        piece: Its text, in quotes.

    Raises:
        InputError: If it can be read in more than one way, or limits nothing that a task can.
    """
    kinds, unit = measure.kinds, measure.unit_kind
    named = {each.value for each in measure.tokens if each.kind is Kind.METRIC}
    of_memory = Kind.MEMORY in kinds or unit is Kind.BYTES
    if not named and not of_memory:
        if unit is Kind.DECIBELS:
            raise InputError(f'{piece} does not say what it is; write "PSNR at least 30 dB"')
        return None
    others = kinds - LEAST - MOST - {Kind.METRIC, Kind.MEMORY} - (_BESIDE if named else set())
    units = {Kind.BYTES} if of_memory else {Kind.PERCENT, Kind.DECIBELS}
    if len(named) + of_memory > 1 or others or (unit is not None and unit not in units):
        wanted = [f'"{metric_title(name)} loss at most 10%"' for name in sorted(named)]
        examples = wanted + ([MEMORY_EXAMPLE] if of_memory else [])
        raise InputError(f"{piece} mixes two things; write {' or '.join(examples)}")
    number = Decimal(measure.number.value)
    if of_memory:
        return _memory(measure, number, piece)
    return _loss(METRICS[named.pop()], measure, number, piece)


def _memory(measure: Measure, number: Decimal, piece: str) -> Limit:
    if measure.kinds & LEAST:
        raise InputError(
            f"{piece} limits the memory from below, and a task says the most; write "
            f"{MEMORY_EXAMPLE}"
        )
    if measure.unit is None:
        raise InputError(f"{piece} has no unit, MiB or GiB; write it like {MEMORY_EXAMPLE}")
    most = in_mib(number, measure.unit.value)
    if not 0 < most < MOST_MEMORY_MIB:
        raise InputError(f"{piece} is no amount of memory; write it like {MEMORY_EXAMPLE}")
    return Limit(MEMORY, most)


def _loss(metric: Metric, measure: Measure, number: Decimal, piece: str) -> Limit:
    """Read the greatest loss in a metric, from a loss or from the least value."""
    words, kinds = metric_title(metric.name), measure.kinds
    example = f'"{words} loss at most 10%"'
    if measure.unit_kind is Kind.PERCENT:
        number /= 100
    of_loss = Kind.LOSS in kinds or not metric.more_is_better
    if measure.unit_kind is Kind.DECIBELS and (of_loss or metric.name != "psnr"):
        raise InputError(f"{piece} mixes two things; write {example}")
    if of_loss:
        if kinds & LEAST:
            raise InputError(
                f"{piece} limits the loss from below, and a task says the greatest; write {example}"
            )
        greatest = MOST_LOSS if metric.more_is_better else MOST_DISTANCE
        if not 0 <= number <= Decimal(greatest):
            ends = f"from 0 to {MOST_LOSS:.0%}" if metric.more_is_better else "0 or more"
            raise InputError(f"{piece} is no budget, which is {ends}; write {example}")
        return Limit(metric.name, float(number))
    if "pairs" not in metric.needs:
        raise InputError(f"{piece} can be read in more than one way; write it like {example}")
    if kinds & MOST:
        raise InputError(
            f"{piece} limits {words} from above, and a task says the least, or the greatest loss; "
            f"write {example}"
        )
    most = metric.lost(float(number))
    # In decimals: 1 - 0.9 in floats is not 0.1.
    exact = float(1 - number)
    most = exact if abs(exact - most) < 1e-9 else most
    if not 0 <= most <= MOST_LOSS:
        raise InputError(
            f"{piece} is a loss of {most:.0%}, and {MOST_LOSS:.0%} is the most; write {example}"
        )
    note = f"{piece} is read as {words} loss of at most {100 * most:.3g}%"
    return Limit(metric.name, most, (note,))
