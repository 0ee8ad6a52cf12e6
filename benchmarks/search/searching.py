"""Searches of a recorded grid: the table answers proposals as a study would measure them."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field

import optuna
from optuna.trial import TrialState
from threadpoolctl import threadpool_limits

from benchmarks.search.replay import Columns, Replay
from benchmarks.shared.made_measurement import made_measurement
from objectives.objective import MAX_PAIRS
from objectives.statistics import relative_loss
from storage.records.front import pareto_front
from storage.records.points import by_stored_names, point_key
from storage.records.trial import Trial
from storage.study_store.attributes import MEASUREMENT, POINT
from studies.run.stopping import checks, confidence, is_hopeless
from studies.search.samplers import Proposal, Proposer

BATCH = 8
"""Prompts of a batch, the default of the protocol."""

STUCK = 40
"""Proposals of known points in a row after which a sampler has nothing new to offer."""


def prepare_search() -> None:
    """Prepare a process for searches: each is small, and processes share the cores."""
    import torch

    torch.set_num_threads(1)
    threadpool_limits(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")


@dataclass
class Found:
    """The results of a search, in order.

    Attributes:
        trials: The points measured in full, as a study would keep them.
        rows: Their rows in the table.
        shares: The share of the true hypervolume held after each of them.
        pictures: How many were generated until the end of each, without the baseline's.
        seconds: Seconds of generating until then, with baseline batches.
        proposing_s: CPU seconds of each proposal.
    """

    trials: list[Trial] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    proposing_s: list[float] = field(default_factory=list)

    def until(self, share: float) -> int | None:
        """How many points it took to hold this share of the true hypervolume; None if never."""
        return next((n for n, held in enumerate(self.shares, 1) if held >= share), None)


class Searching:
    """One search of one truth."""

    def __init__(self, replay: Replay, proposer: Proposer, screened: bool = False) -> None:
        """Begin with nothing known.

        Args:
            replay: The grid to search, a result of `Replay.redrawn`.
            proposer: Chooses the points; `proposer.thorough` is ignored.
            screened: Give hopeless points up early, as a study does: at most as many as are wanted.
        """
        self.replay = replay
        self.found = Found()
        self._proposer = proposer
        self._screened = screened
        self._study = optuna.create_study(directions=["maximize", "minimize"])
        self._known: dict[str, Trial | None] = {}
        self._wanted = 0
        self._given_up = 0
        self._pictures = 0
        self._seconds = 0.0

    def run(self, trials: int, most: int | None = None, share: float = 0.99) -> Found:
        """Search until this many points are measured in full.

        Args:
            trials: The number of points.
            most: Go on to at most this many while the points hold less than `share` of the front.
            share: The share that is enough.
        """
        found, repeats, self._wanted = self.found, 0, trials
        while repeats < STUCK and len(self._known) < len(self.replay.rows):
            if len(found.rows) >= trials and (
                len(found.rows) >= (most or trials) or found.shares[-1] >= share
            ):
                break
            start = time.process_time()
            proposal = self._proposer.propose(self._study, self._known.keys())
            found.proposing_s.append(time.process_time() - start)
            if proposal is None:
                break
            is_known = point_key(proposal.point) in self._known
            repeats = repeats + 1 if is_known else 0
            self._repeat(proposal) if is_known else self._measure(proposal)
        return found

    def _repeat(self, proposal: Proposal) -> None:
        """Report a known point again, which costs nothing."""
        known = self._known[point_key(proposal.point)]
        if known is None:
            self._study.tell(proposal.trial, state=TrialState.PRUNED)
        else:
            self._tell(proposal, known)

    def _measure(self, proposal: Proposal) -> None:
        """Answer from the table."""
        replay, found = self.replay, self.found
        row, key = replay.row(proposal.point), point_key(proposal.point)
        may_give_up = self._screened and self._given_up < self._wanted
        prompts = self._prompts_until_hopeless(row) if may_give_up else None
        if prompts is not None:
            self._given_up += 1
            self._pay(row, len(prompts))
            partly = made_measurement(
                replay.timing(row),
                replay.loss(row, prompts),
                len(prompts),
                replay.baseline_s,
                stopped_early=True,
            )
            proposal.trial.set_user_attr(POINT, by_stored_names(proposal.point))
            proposal.trial.set_user_attr(MEASUREMENT, partly.as_json())
            self._study.tell(proposal.trial, state=TrialState.PRUNED)
            self._known[key] = None
            return
        self._pay(row, len(replay.sample))
        measured = replay.measurement(row, replay.sample)
        trial = Trial(
            number=proposal.trial.number,
            params=proposal.point,
            speedup=measured.speedup,
            loss=measured.clip_loss,
            measurement=measured,
        )
        self._known[key] = trial
        self._tell(proposal, trial)
        found.trials.append(trial)
        found.rows.append(row)
        found.shares.append(replay.share(found.rows))
        found.pictures.append(self._pictures)
        found.seconds.append(self._seconds)

    def _tell(self, proposal: Proposal, trial: Trial) -> None:
        """Report values and the excess over each budget, as a study does."""
        proposal.trial.set_user_attr(POINT, by_stored_names(trial.params))
        proposal.trial.set_user_attr(MEASUREMENT, trial.measurement.as_json())
        for name, beyond in self.replay.budgets.excess(trial.measurement).items():
            proposal.trial.set_constraint(name, beyond)
        self._study.tell(proposal.trial, [trial.speedup, trial.loss])

    def _prompts_until_hopeless(self, row: int) -> Columns | None:
        """The prompts after which a point is given up; None if it is not."""
        replay = self.replay
        batches = len(replay.sample) // BATCH
        front = pareto_front(self.found.trials)
        for number in checks(batches):
            prompts = replay.sample[: number * BATCH]
            loss = relative_loss(*replay.scores(row, prompts), confidence(batches))
            if is_hopeless(replay.timing(row), loss, front, replay.budgets.most_loss):
                return prompts
        return None

    def _pay(self, row: int, prompts: int) -> None:
        """Count pictures and seconds: each timed batch has a baseline batch next to it."""
        paired = min(prompts - BATCH, MAX_PAIRS * BATCH)
        self._pictures += prompts
        self._seconds += self.replay.baseline_s * (
            prompts / self.replay.truth[row].speedup + max(0, paired)
        )
