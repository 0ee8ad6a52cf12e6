"""A metric: one way to express what acceleration costs in quality."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from objectives.errors import InputError
from objectives.statistics import CONFIDENCE, Estimate, mean_loss, relative_loss

if TYPE_CHECKING:
    from pathlib import Path

    import torch

Embeddings = NDArray[np.float32]
"""Shape (pictures, width), each row of length 1."""

Need = Literal["embeddings", "pictures", "prompts", "pairs"]
"""A metric's input.

With `pairs` it compares each picture with the baseline's picture of the same prompt and seed;
without, it scores each picture by itself. Every baseline keeps the scorer's `embeddings`, so a
metric that uses them is measured on all pictures; any other metric only where both pictures are
drawn, in the timed pairs.
"""


@dataclass(frozen=True)
class Use:
    """Where a metric is to be used.

    Attributes:
        prompts: The prompts to draw.
        scorer: The scorer's name in the protocol.
        height: Height of the pictures, in pixels.
        width: Their width, in pixels.
    """

    prompts: Sequence[str]
    scorer: str
    height: int
    width: int


@dataclass(frozen=True)
class Drawn:
    """Some pictures of a trial, with the baseline's of the same prompts and seeds.

    Attributes:
        prompts: The pictures' prompts.
        prompt_embeddings: The prompts' embeddings, by the scorer.
        embeddings: The pictures' embeddings, by the scorer.
        baseline_embeddings: Those of the baseline's pictures.
        embed: Embeds any texts, by the scorer.
        pictures: Shape (batch, 3, height, width), values 0 to 1; None outside the pairs.
        baseline_pictures: The same for the baseline.
    """

    prompts: Sequence[str]
    prompt_embeddings: Embeddings
    embeddings: Embeddings
    baseline_embeddings: Embeddings
    embed: Callable[[Sequence[str]], Embeddings]
    pictures: torch.Tensor | None = None
    baseline_pictures: torch.Tensor | None = None

    @property
    def baseline(self) -> Drawn:
        """The baseline's pictures in place of the trial's."""
        return replace(self, embeddings=self.baseline_embeddings, pictures=self.baseline_pictures)


@dataclass(frozen=True)
class Weights:
    """What a metric's model is loaded from.

    Attributes:
        name: Its identity for the protocol: the file's or folder's name, and a fingerprint.
        path: The file or folder.
    """

    name: str
    path: Path


class Metric(ABC):
    """One way to express what acceleration costs in quality.

    Attributes:
        name: The name in budgets, JSON and databases.
        title: The name for people.
        more_is_better: The direction of its values; of a loss, less is always better.
        needs: Its input.
        default_budget: The greatest loss allowed if nobody chooses one; None allows any.
        loads: What it loads in addition to the scorer; empty if nothing.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    more_is_better: ClassVar[bool]
    needs: ClassVar[frozenset[Need]]
    default_budget: ClassVar[float | None] = None
    loads: ClassVar[str] = ""

    def why_not(self, use: Use) -> str:
        """Why it cannot be used there; empty if it can. Deciding that loads nothing."""
        return ""

    def place(self, given: Path | None) -> Path | None:
        """Find where its model is loaded from; nothing is loaded or fetched.

        Args:
            given: The file or folder that a person names; None looks where its library keeps it.

        Returns:
            None if it has no model of its own.

        Raises:
            InputError: If it is not there, or a package that the model needs is missing.
        """
        if given is not None:
            raise InputError(f"--weights {self.name}: {self.title} has no weights; leave it out")
        return None

    def find(self, given: Path | None) -> Weights | None:
        """Find the content from which its model is loaded; see `place`."""
        self.place(given)
        return None

    def loaded(self, weights: Weights | None, device: torch.device) -> Metric:
        """The metric with its model in memory.

        Args:
            weights: The result of `find`.
            device: Where it computes.

        Raises:
            LoadError: If it cannot be loaded.
        """
        return self

    @property
    def held_mib(self) -> float:
        """The memory of the study's device that its model takes, in MiB."""
        return 0.0

    @abstractmethod
    def values(self, drawn: Drawn) -> list[float]:
        """A finite value for each picture."""

    def lost(self, value: float) -> float:
        """The loss of a picture with this value against the baseline's, 0 or more; pairs only."""
        return 1 - value if self.more_is_better else value

    def losses(self, values: Sequence[float], baseline: Sequence[float]) -> list[float]:
        """Compute the loss of each picture; their mean is the loss.

        Args:
            values: A value for each picture.
            baseline: The baseline's values of the same prompts; empty for a metric of pairs.
        """
        if "pairs" in self.needs:
            return [self.lost(value) for value in values]
        mean = float(np.mean(baseline))
        return [(before - value) / mean for before, value in zip(baseline, values, strict=True)]

    def loss(
        self, values: Sequence[float], baseline: Sequence[float], confidence: float = CONFIDENCE
    ) -> Estimate:
        """The loss of a point, with its interval over prompts.

        Args:
            values: A value for each picture.
            baseline: The baseline's values of the same prompts; empty for a metric of pairs.
            confidence: The confidence of the interval, in (0, 1).

        Returns:
            The mean loss of the pictures; for a metric that scores each picture by itself, the
            relative loss of the mean.
        """
        if "pairs" in self.needs:
            found = mean_loss(self.losses(values, baseline), confidence)
            # No picture is nearer to the baseline's than the baseline's own.
            return replace(found, low=max(found.low, 0.0))
        return relative_loss(baseline, values, confidence)
