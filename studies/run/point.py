"""One point of a search: measured, given up or failed, and the outcome stored."""

from __future__ import annotations

import time

from objectives.statistics import Estimate
from storage.records.budgets import Budgets, figure
from storage.records.measurement import Measurement
from storage.records.points import point_key, point_text
from storage.records.study import Study
from storage.study_store.store import StudyStore
from studies.planning.metrics import compares_every_picture
from studies.request import StudyRequest
from studies.run.failures import first_line, is_own_fault
from studies.run.measuring import Instruments
from studies.run.pictures import TrialPictures
from studies.run.progress import Reporter, in_words
from studies.run.remeasurement.disturbance import marked
from studies.run.stopping import Screen, breaks_condition, is_hopeless
from studies.search.samplers import Proposal

NO_HIT = "its cache never hit, so it is the pipeline without that cache"
"""Why a point is given up without further measurement."""


class PointMeasuring:
    """Measures the points that one run claimed.

    Attributes:
        measured: How many were measured in full.
    """

    def __init__(
        self,
        request: StudyRequest,
        study_store: StudyStore,
        instruments: Instruments,
        failures: dict[str, str],
        reporter: Reporter,
        thorough: bool,
    ) -> None:
        """Prepare; measure nothing yet.

        Args:
            request: What was asked for.
            study_store: The study.
            instruments: What measures.
            failures: Why points could not be measured in this run, by key; grows.
            reporter: Reports what happens.
            thorough: Whether to measure every point in full.
        """
        self._request = request
        self._study_store = study_store
        self._instruments = instruments
        self._failures = failures
        self._reporter = reporter
        self._screens = request.screening and not thorough
        self.measured = 0

    def measure(self, proposal: Proposal, sampling_s: float, record: Study) -> None:
        """Measure a claimed point and store the outcome.

        Args:
            proposal: The point and its trial.
            sampling_s: How long the proposal took.
            record: The study as it was read last.
        """
        start = time.perf_counter()
        points = self._study_store.points
        self._reporter.say(f"measuring {point_text(proposal.point)}")
        try:
            with points.heartbeat(proposal.trial):
                self._measure_and_keep(proposal, sampling_s, record)
        except KeyboardInterrupt:
            points.fail(proposal.trial, "interrupted")
            raise
        self._reporter.step_times.note("measured", sampling_s + time.perf_counter() - start)

    def stays_given_up(self, measured: Measurement, record: Study) -> bool:
        """Tell whether a point that was given up early would be given up again today.

        Args:
            measured: Its partial measurement.
            record: The study as it was read last.
        """
        if measured.hits == 0:
            return True
        budgets, front = self._screening_budgets(record), record.searched_front
        found = {name: figure(measured, name) for name in budgets.limits()}
        speedup, loss = Estimate(measured.speedup, *measured.speedup_ci), found[budgets.loss]
        lows = {name: each and each.low for name, each in found.items()}
        hopeless = loss is not None and is_hopeless(
            speedup, Estimate(*loss), front, budgets.most_loss
        )
        return self._screens and (hopeless or breaks_condition(lows, front, budgets))

    def _measure_and_keep(self, proposal: Proposal, sampling_s: float, record: Study) -> None:
        pictures, points = TrialPictures(), self._study_store.points
        try:
            measurement = self._measure(proposal, pictures, record)
            measurement, grids = pictures.told(measurement), pictures.grids()
        except Exception as error:
            # A method's library may raise anything: it fails this point, and the reason is kept.
            failure = self._failures[point_key(proposal.point)] = first_line(error)
            self._reporter.last = f"failed: {failure}"
            self._instruments.doubtful = True
            points.fail(proposal.trial, failure, is_own_fault(error))
        else:
            kept = points.keep(proposal.trial, measurement, sampling_s, grids)
            self._note(measurement, kept)

    def _measure(self, proposal: Proposal, pictures: TrialPictures, record: Study) -> Measurement:
        """Measure a point; give up early if it turns out hopeless."""
        instrument = self._instruments.search
        screen = Screen(record.trials, record.searched_front, self._screening_budgets(record))
        # Points given up do not count as measured. Without this limit, a study would go through the
        # whole of a space that has no good point.
        may_give_up = self._screens and self._study_store.given_up() < self._reporter.wanted
        measurement = instrument.objective.measure(
            proposal.point,
            instrument.baseline,
            screen if may_give_up else None,
            pictures.add,
            self._request.trial_timeout_s,
            compares_every_picture(self._reporter.budgets),
        )
        return marked(measurement, record.trials)

    def _screening_budgets(self, record: Study) -> Budgets:
        """Return the budgets of screening: what is given up is hopeless for the study as well."""
        run, own = self._reporter.budgets, record.budgets
        shared = run.conditions.keys() & own.conditions.keys()
        conditions = {name: max(run.conditions[name], own.conditions[name]) for name in shared}
        return Budgets(max(run.most_loss, own.most_loss), conditions, own.loss)

    def _note(self, measurement: Measurement, kept: bool) -> None:
        """Keep the last trial's result for whoever watches."""
        words = in_words(measurement, self._reporter.budgets)
        if not kept:
            words += ", dropped: this worker was silent and given up for dead"
        elif measurement.hits == 0:
            words += f", given up: {NO_HIT}"
        elif measurement.stopped_early:
            words += ", given up early"
        else:
            self.measured += 1
        self._reporter.last = words
