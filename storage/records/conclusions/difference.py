"""Two studies compared: how their settings differ, and where their points differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import exp, hypot, log
from typing import Any, NamedTuple

from storage.records.budgets import CLIP_LOSS
from storage.records.conclusions.learned_anew import counterpart, learned_choices
from storage.records.measurement import Interval, reaches
from storage.records.points import by_short_names, point_key
from storage.records.record import rounded
from storage.records.study import Study
from storage.records.trial import Point, Trial


class Change(NamedTuple):
    """How far a figure of the second study is from the first one's, with its interval.

    Attributes:
        value: The ratio of speedups, or the difference of losses.
        low: The interval's low end.
        high: Its high end.
        differs: Whether the interval excludes no change at all.
    """

    value: float
    low: float
    high: float
    differs: bool

    def as_json(self) -> dict[str, Any]:
        """Its fields."""
        ends = [round(self.low, 6), round(self.high, 6)]
        return {"value": round(self.value, 6), "ci": ends, "differs": self.differs}


def difference(first: float, first_ci: Interval, second: float, second_ci: Interval) -> Change:
    """The second of two independent figures minus the first.

    The interval arms that face each other add up in squares: Zou and Donner, "Construction of
    confidence limits about effect measures: a general approach", Statistics in Medicine 27 (2008).
    Studies of the same prompts are not independent; the interval is then too wide, not too narrow.
    """
    below_first, above_first = reaches(first, *first_ci)
    below_second, above_second = reaches(second, *second_ci)
    value = second - first
    low = value - hypot(below_second, above_first)
    high = value + hypot(above_second, below_first)
    return Change(value, low, high, not low <= 0 <= high)


def ratio(first: float, first_ci: Interval, second: float, second_ci: Interval) -> Change:
    """The second of two independent figures over the first: their difference as logarithms."""
    ends = [(log(low), log(high)) for low, high in (first_ci, second_ci)]
    found = difference(log(first), ends[0], log(second), ends[1])
    return Change(exp(found.value), exp(found.low), exp(found.high), found.differs)


@dataclass(frozen=True)
class Shared:
    """A point that both studies measured.

    Attributes:
        trials: Their trials of it; values that each study learned for itself may differ a little.
        on_front: For each study, whether its front holds the point.
        speedup: The second's speedup over the first's.
        clip_loss: The second's CLIP loss minus the first's.
        loss: The same for the loss by which both studies search.
    """

    trials: tuple[Trial, Trial]
    on_front: tuple[bool, bool]
    speedup: Change
    clip_loss: Change
    loss: Change

    @property
    def params(self) -> dict[str, tuple[int | float, int | float]]:
        """Both studies' values by a parameter's short name."""
        first, second = (trial.params for trial in self.trials)
        return by_short_names({name: (value, second[name]) for name, value in first.items()})

    @property
    def is_learned_anew(self) -> bool:
        """Whether it has a value that each study learned for itself."""
        return self.trials[0].params != self.trials[1].params

    def as_json(self) -> dict[str, Any]:
        """An entry of `diff --json`."""
        judged = [trial.judged for trial in self.trials]
        return {
            "params": {name: one for name, (one, _) in self.params.items()},
            **self._other_params,
            "trials": [trial.number for trial in self.trials],
            "on_front": list(self.on_front),
            "speedup": rounded([each.speedup for each in judged]),
            "speedup_ci": rounded([each.speedup_ci for each in judged]),
            "speedup_ratio": self.speedup.as_json(),
            "clip_loss": rounded([each.clip_loss for each in judged]),
            "clip_loss_ci": rounded([each.clip_loss_ci for each in judged]),
            "clip_loss_difference": self.clip_loss.as_json(),
            **self._loss_json(),
        }

    @property
    def _other_params(self) -> dict[str, Any]:
        """The second study's values, where they differ."""
        if not self.is_learned_anew:
            return {}
        return {"other_params": {name: other for name, (_, other) in self.params.items()}}

    def _loss_json(self) -> dict[str, Any]:
        """The loss, if the studies search by another one than CLIP's."""
        if self.trials[0].loss_name == CLIP_LOSS:
            return {}
        losses = [trial.lost(trial.judged) for trial in self.trials]
        return {
            "loss": rounded([each.value for each in losses]),
            "loss_ci": rounded([(each.low, each.high) for each in losses]),
            "loss_difference": self.loss.as_json(),
        }


class Comparison:
    """Two studies that search by the same loss, compared.

    Attributes:
        studies: The two.
        otherwise: Settings that differ, by name: the value in each study, None where it has none.
        shared: The points that both measured, sorted by the first study's speedup, fastest first.
        alone: For each study, the points on its front that the other one did not measure.
    """

    def __init__(self, first: Study, second: Study) -> None:
        self.studies = (first, second)
        self.otherwise = _otherwise(_settings(first), _settings(second))
        choices = [learned_choices(study) for study in self.studies]
        # The points of the first study by their counterparts in the second one.
        as_theirs = partial(counterpart, own=choices[0], others=choices[1])
        ours, theirs = _by_key(first.trials, as_theirs), _by_key(second.trials)
        fronts = [_by_key(first.front, as_theirs), _by_key(second.front)]
        both = sorted(ours.keys() & theirs.keys(), key=lambda key: -ours[key].judged_speedup)
        self.shared = [
            _shared(ours[key], theirs[key], (key in fronts[0], key in fronts[1])) for key in both
        ]
        self.alone = tuple(
            [trial for key, trial in front.items() if key not in both] for front in fronts
        )

    def as_json(self) -> dict[str, Any]:
        """What `diff --json` prints."""
        return {
            "studies": [
                {
                    "study": study.name,
                    "label": study.label or None,
                    "device": study.device,
                    "points": len(study.trials),
                    "answer": None if study.answer is None else study.answer.as_json(),
                }
                for study in self.studies
            ],
            "otherwise": {name: list(values) for name, values in self.otherwise.items()},
            "points": [each.as_json() for each in self.shared],
            "alone": [[trial.as_json() for trial in trials] for trials in self.alone],
        }


def _by_key(trials: Iterable[Trial], named: Callable[[Point], Point] = dict) -> dict[str, Trial]:
    return {point_key(named(trial.params)): trial for trial in trials}


def _shared(first: Trial, second: Trial, on_front: tuple[bool, bool]) -> Shared:
    one, other = first.judged, second.judged
    lost, others = first.lost(one), second.lost(other)
    return Shared(
        (first, second),
        on_front,
        ratio(one.speedup, one.speedup_ci, other.speedup, other.speedup_ci),
        difference(one.clip_loss, one.clip_loss_ci, other.clip_loss, other.clip_loss_ci),
        difference(lost.value, lost[1:], others.value, others[1:]),
    )


def _settings(study: Study) -> dict[str, Any]:
    """All settings in which two studies may differ, by name."""
    return {
        **study.combination.as_json(),
        "device": study.device,
        **study.protocol.model_dump(mode="json"),
        **{f"scheduler {name}": value for name, value in study.scheduler_settings.items()},
        **{f"budget {name}": value for name, value in study.budgets.limits().items()},
        **study.environment.versions,
    }


def _otherwise(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (first.get(name), second.get(name))
        for name in {**first, **second}
        if first.get(name) != second.get(name)
    }
