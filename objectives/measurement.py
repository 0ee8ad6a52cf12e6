"""What one process holds while it measures: baselines, partial measurements, a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from objectives.quality.metric import Embeddings
from objectives.statistics import Estimate


@dataclass(frozen=True)
class Baseline:
    """The unaccelerated pipeline's results on the protocol's prompts.

    Attributes:
        scores: CLIP score per prompt.
        embeddings: CLIP embedding of each picture.
    """

    scores: list[float]
    embeddings: Embeddings


@dataclass(frozen=True)
class Partial:
    """What a trial has measured so far.

    Attributes:
        latencies_s: Seconds per picture of each accelerated batch of a pair, at least one.
        baseline_latencies_s: The same for its baseline batch.
        loss: The loss so far in a metric of this name, with an interval of this confidence; None
            if no picture shows it yet.
        peak_memory_mib: The peak memory so far; None on a CPU.
        batches: How many batches are scored.
        of_batches: How many there will be.
    """

    latencies_s: list[float]
    baseline_latencies_s: list[float]
    loss: Callable[[str, float], Estimate | None]
    peak_memory_mib: float | None
    batches: int
    of_batches: int


@dataclass(frozen=True)
class Estimates:
    """The estimates for a trial so far.

    Attributes:
        speedup: The speedup.
        losses: The losses that were asked for, by metric.
    """

    speedup: Estimate
    losses: Mapping[str, Estimate]


Hopeless = Callable[[Partial], Estimates | None]
"""Decides from the measurement so far whether to give a point up: the estimates that say so."""


class Clock:
    """Adds up where the wall time goes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a phase. Phases do not nest."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add seconds to a phase."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
