"""Budgets: how much quality a point may lose, and how much memory it may take.

This is the one place that tells whether a measurement keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from math import atan, inf, pi, sqrt
from statistics import NormalDist
from typing import NamedTuple

from storage.records.measurement import Measurement, reaches
from storage.records.protocol import CLIP_LOSS as CLIP_LOSS

MEMORY = "memory_mib"

MIB_PER_GIB = 1024

MIB_PER_UNIT: Mapping[str, Fraction] = {
    "MiB": Fraction(1),
    "GiB": Fraction(MIB_PER_GIB),
    "MB": Fraction(10**6, 2**20),
    "GB": Fraction(10**9, 2**20),
}
"""The units in which people write memory."""

MOST_MEMORY_MIB = 1e9

MOST_LOSS = 0.5
"""The greatest budget of a metric whose values are the better the greater.

Nobody allows half of all likeness to go. Who gives more has meant the least value, as 0.9 of SSIM,
and would allow nearly anything: with tiny-shapes' scorer, pictures of other prompts lose all of the
score (0.85 to 0.00 over 256 scenes), and DeepCache's constants where they are worst 14%. What
people write keeps to it, in commands, files and tasks; a stored study may have more.
"""

MOST_DISTANCE = 1e9
"""The same of a metric whose values are the better the smaller, and which may have no end."""

REACH = NormalDist().inv_cdf(0.975)
"""A normal distribution leaves out 2.5% beyond so many standard deviations."""

LONG_REACH = 3.182446
"""The same of Student's t with 3 degrees of freedom (any table has it)."""

TITLES: Mapping[str, str] = {
    CLIP_LOSS: "CLIP",
    "dino": "DINOv2",
    "hpsv2": "HPS v2",
    "image_reward": "ImageReward",
    "lpips": "LPIPS",
    "ms_ssim": "MS-SSIM",
    "pickscore": "PickScore",
    "psnr": "PSNR",
    "ssim": "SSIM",
}
"""The metrics that people call otherwise than their records do."""

UNKNOWN = 1.0
"""How far beyond its budget a figure that is not known is told to be."""


class Figure(NamedTuple):
    """What a budget limits.

    Attributes:
        value: As measured.
        low: The low end of its interval; infinite where no interval is kept, as the high end is.
        high: The high end.
    """

    value: float
    low: float
    high: float

    def chance_below(self, most: float) -> float:
        """The chance that the true figure is no greater, from the value and its interval alone.

        Half of the chance lies on each side of the value, and the interval leaves out 2.5% of it
        there. Below, truths spread like a normal distribution. Above they have a longer tail, for
        a few prompts lose much: on the recorded grids 30%, 20%, 10% and 5% of them lie beyond 0.18,
        0.30, 0.51 and 0.78 of the way to the high end, as of Student's t with 3 degrees of freedom.
        """
        below, above = reaches(*self)
        if most >= self.value:
            return _within_long_tail(most - self.value, above)
        deviation = below / REACH
        return NormalDist().cdf((most - self.value) / deviation) if deviation else 0.0


@dataclass(frozen=True)
class Budgets:
    """What a study allows.

    One metric's loss is the second objective: a point beyond its budget stays on the front, marked,
    as it shows what a greater budget would bring. All other budgets are conditions: a point that
    breaks one is on no front.

    Attributes:
        most_loss: The greatest loss in that metric.
        conditions: By the name of another metric its greatest loss; under `memory_mib` the most
            peak memory.
        loss: The name of the metric.
    """

    most_loss: float
    conditions: Mapping[str, float] = field(default_factory=dict)
    loss: str = CLIP_LOSS

    def with_loss(self, most_loss: float) -> Budgets:
        """The same conditions with another greatest loss."""
        return replace(self, most_loss=most_loss)

    def with_limits(self, limits: Mapping[str, float]) -> Budgets:
        """Other limits by name, and for what they leave out these."""
        both = {**self.limits(), **limits}
        most = both.pop(self.loss)
        return replace(self, most_loss=most, conditions=both)

    def limits(self) -> dict[str, float]:
        """Every budget by name, always in one order: that of the study's loss first."""
        return {self.loss: self.most_loss, **dict(sorted(self.conditions.items()))}

    def excess(self, measured: Measurement) -> dict[str, float]:
        """By how much a measurement exceeds each budget; none above 0 is kept."""
        return {
            name: UNKNOWN if (known := figure(measured, name)) is None else known.value - most
            for name, most in self.limits().items()
        }

    def allow(self, measured: Measurement) -> bool:
        """Whether a measurement meets all conditions by its means.

        A figure that is not known meets none: a budget is there to be sure of.
        """
        figures = ((figure(measured, name), most) for name, most in self.conditions.items())
        return all(known is not None and known.value <= most for known, most in figures)

    @property
    def loss_in_words(self) -> str:
        """The greatest loss in the study's metric, such as `2%`, or `10% in SSIM`."""
        return f"{amount(self.loss, self.most_loss)}{in_metric(self.loss)}"

    @property
    def breaches_in_words(self) -> str:
        """What breaks a condition, such as `peak memory above 20 GiB or SSIM loss above 15%`."""
        limits = sorted(self.conditions.items())
        return " or ".join(f"{title(name)} above {amount(name, most)}" for name, most in limits)

    @property
    def listed(self) -> list[str]:
        """Such as `CLIP loss 2%`, one a budget; the loss alone needs no name."""
        if not self.conditions:
            return [self.loss_in_words]
        return [f"{title(name)} {amount(name, most)}" for name, most in self.limits().items()]

    def in_words(self) -> str:
        """All budgets, as the words that follow `inside`."""
        if not self.conditions:
            return f"the loss budget of {self.loss_in_words}"
        return f"the budgets ({', '.join(self.listed)})"

    def why_not(self, measured: Measurement) -> str:
        """Which condition a measurement may break, in words; empty if it meets all."""
        doubts = []
        for name, most in sorted(self.conditions.items()):
            known = figure(measured, name)
            if known is None:
                return f"its {title(name)} was not measured, and {amount(name, most)} is allowed"
            if known.value > most:
                is_now = amount(name, known.value)
                return f"its {title(name)} is {is_now}, and {amount(name, most)} is allowed"
            if known.high > most:
                may = amount(name, known.high)
                doubts.append(
                    f"its {title(name)} may be {may}, and {amount(name, most)} is allowed"
                )
        return next(iter(doubts), "")

    def chance_kept(self, measured: Measurement) -> float:
        """The chance that a measured point truly keeps all budgets.

        By Bonferroni: chances to break a budget add up at worst. What is not known is not kept.
        """
        figures = ((figure(measured, name), most) for name, most in self.limits().items())
        broken = (1 if known is None else 1 - known.chance_below(most) for known, most in figures)
        return max(0.0, 1 - sum(broken))


def _within_long_tail(distance: float, end: float) -> float:
    """The chance that a truth lies no further above a value, of which 2.5% lie beyond an end."""
    if not end:
        return 1.0
    t = LONG_REACH * distance / end / sqrt(3)
    return 0.5 + (t / (1 + t * t) + atan(t)) / pi


def title(name: str) -> str:
    """What a budget of this name limits, in words."""
    return "peak memory" if name == MEMORY else f"{metric_title(name)} loss"


def in_metric(name: str) -> str:
    """What follows a loss in another metric than CLIP's, such as ` in SSIM`."""
    return "" if name == CLIP_LOSS else f" in {metric_title(name)}"


def metric_title(name: str) -> str:
    """A metric's name as people write it."""
    return TITLES.get(name, name.replace("_", " "))


def amount(name: str, value: float) -> str:
    """A value of a budget or of what it limits, in words."""
    if name != MEMORY:
        return f"{100 * value:z.3g}%"
    gib = value / MIB_PER_GIB
    return f"{gib:.4g} GiB" if gib >= 1 else f"{value:.4g} MiB"


def exact_amount(name: str, value: float) -> str:
    """A budget with all its digits, so that whoever reads it gets the same number.

    Memory has the unit in which it is shortest.
    """
    if name != MEMORY:
        return f"{digits(Decimal(repr(value)) * 100)}%"
    numbers = {unit: digits(float(Fraction(value) / mib)) for unit, mib in MIB_PER_UNIT.items()}
    exact = [unit for unit, number in numbers.items() if in_mib(Decimal(number), unit) == value]
    return min((f"{numbers[unit]} {unit}" for unit in exact), key=len)


def in_mib(number: Decimal, unit: str) -> float:
    """An amount of memory, of a unit as `MIB_PER_UNIT` has it."""
    try:
        return float(Fraction(number) * MIB_PER_UNIT[unit])
    except OverflowError:
        return inf


def digits(number: float | Decimal) -> str:
    """A number in plain digits, exact and without trailing zeros."""
    return f"{Decimal(str(number)).normalize() + 0:f}"


def figure(measured: Measurement, name: str) -> Figure | None:
    """The figure of a measurement that a budget of this name limits; None if it is not known."""
    if name == CLIP_LOSS:
        return Figure(measured.clip_loss, *measured.clip_loss_ci)
    if name == MEMORY:
        peak = measured.peak_memory_mib
        return None if peak is None else Figure(peak, peak, peak)
    metric = measured.metrics.get(name)
    if metric is None:
        return None
    return Figure(metric.loss, *(metric.loss_ci or (-inf, inf)))
