"""A metric: one way to say what acceleration costs in quality."""

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
"""What a metric looks at.

With `pairs` it compares each picture with the baseline's picture of the same prompt and seed;
without, it scores each picture by itself. The scorer's `embeddings` are kept of every baseline, so
a metric that goes by them is measured on all pictures; any other one where both pictures are drawn,
in the timed pairs.
"""


@dataclass(frozen=True)
class Use:
    """Where a metric is to be used.

    Attributes:
        prompts: What is drawn.
        scorer: The scorer's name in the protocol.
        height: Of the pictures, in pixels.
        width: The same.
    """

    prompts: Sequence[str]
    scorer: str
    height: int
    width: int


@dataclass(frozen=True)
class Drawn:
    """Some pictures of a trial, beside the baseline's of the same prompts and seeds.

    Attributes:
        prompts: The pictures' prompts.
        prompt_embeddings: Theirs, by the scorer.
        embeddings: The pictures', by the scorer.
        baseline_embeddings: Those of the baseline's pictures.
        embed: Embeds any texts, by the scorer.
        pictures: Shape (batch, 3, height, width), values 0 to 1; None outside the pairs.
        baseline_pictures: The same of the baseline.
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
    """One way to say what acceleration costs in quality.

    Attributes:
        name: In budgets, in JSON, in databases.
        title: For people.
        more_is_better: The direction of its values; a loss is always the better the smaller.
        needs: What it looks at.
        default_budget: The greatest loss that is allowed where nobody says another; None is any.
        loads: What it loads besides the scorer; empty if nothing.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    more_is_better: ClassVar[bool]
    needs: ClassVar[frozenset[Need]]
    default_budget: ClassVar[float | None] = None
    loads: ClassVar[str] = ""

    def why_not(self, use: Use) -> str:
        """Why it cannot be used there; empty if it can. Nothing is loaded to tell."""
        return ""

    def place(self, given: Path | None) -> Path | None:
        """Tell where its model is loaded from; nothing is loaded or fetched.

        Args:
            given: The file or folder that a person names; None looks where its library keeps it.

        Returns:
            None if it has no model of its own.

        Raises:
            InputError: If it is not there, or a package that the model needs is not.
        """
        if given is not None:
            raise InputError(f"--weights {self.name}: {self.title} has no weights; leave it out")
        return None

    def find(self, given: Path | None) -> Weights | None:
        """Tell from which content its model is loaded; `place` says more."""
        self.place(given)
        return None

    def loaded(self, weights: Weights | None, device: torch.device) -> Metric:
        """The metric with its model in memory.

        Args:
            weights: What `find` found.
            device: Where it computes.

        Raises:
            LoadError: If it cannot be loaded.
        """
        return self

    @property
    def held_mib(self) -> float:
        """The memory of the study's device that its model takes."""
        return 0.0

    @abstractmethod
    def values(self, drawn: Drawn) -> list[float]:
        """A finite value for each picture."""

    def lost(self, value: float) -> float:
        """What a picture with this value lost against the baseline's, 0 or more; of pairs only."""
        return 1 - value if self.more_is_better else value

    def losses(self, values: Sequence[float], baseline: Sequence[float]) -> list[float]:
        """What each picture lost; their mean is the loss.

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
            confidence: How sure the interval is to be, in (0, 1).

        Returns:
            The mean of what the pictures lost; of a metric that scores each picture by itself, the
            relative loss of the mean.
        """
        if "pairs" in self.needs:
            found = mean_loss(self.losses(values, baseline), confidence)
            # No picture is nearer to the baseline's than that one itself.
            return replace(found, low=max(found.low, 0.0))
        return relative_loss(baseline, values, confidence)
