"""Running a study: propose a point, claim it, measure it, keep it; until it has done enough."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError

from accel_space.errors import RefusedError
from objectives.measurement import Measurement
from objectives.quality.picture_grid import PictureGrid
from objectives.statistics import Estimate
from storage.database.opening import Store
from storage.records.budgets import Budgets
from storage.records.judgement import judged_bound
from storage.records.points import point_key
from storage.records.requirement import Requirement, meets
from storage.records.study import Point, StudyRecord, TrialRecord
from studies.earlier import earlier_note
from studies.errors import StudyFailedError
from studies.plan import Plan
from studies.request import DEFAULT_LOSS_BUDGET
from studies.run.bench import Bench, Workbench
from studies.run.benches import Benches, open_before_study
from studies.run.confirmation import left_to_confirm
from studies.run.deletion import deletions_told
from studies.run.disturbance import marked
from studies.run.failing import first_line, is_own_fault
from studies.run.faults import database_faults_told
from studies.run.interrupt import Interrupt, graceful_interrupt
from studies.run.ledger import Ledger
from studies.run.progress import EndReason, Outcome, Progress, Watch, in_words
from studies.run.remeasurement import Remeasurement
from studies.run.screening import Screen, is_hopeless
from studies.run.second_looks import Due
from studies.run.stopping import Deadline, Plateau, Standstill
from studies.run.time_left import Step, StepTimes, steps_to_come
from studies.search.enqueued import as_enqueued
from studies.search.imported_points import imported_points
from studies.search.samplers import Proposal, make_proposer
from studies.search.warm_start import warm_points

MAX_FAILURES = 3
"""A study of which no point could be measured stops after so many."""

SETTLED = ("trials", "points", "requirement", "plateau")
"""A run that ends so has searched enough, and looks at some points a second time."""


def run_study(
    plan: Plan,
    store: Store,
    watch: Watch = lambda progress: None,
    workbench: Workbench | None = None,
    interrupt: Interrupt | None = None,
) -> Outcome:
    """Run or resume a study until it has done enough.

    Args:
        plan: What to run.
        store: Where it is kept.
        watch: Told of each change.
        workbench: What is loaded already; None starts with nothing.
        interrupt: Set by the caller to end after the running trial; None listens to Ctrl-C.

    Raises:
        InputError: If a part of the model or the scorer cannot be loaded.
        StudyRefusedError: If libraries or the space changed since the study began.
        StudyFailedError: If no point can be measured, the database stays away, or the study is
            deleted meanwhile.
        MeasurementError: If the unaccelerated pipeline makes no pictures.
    """
    with database_faults_told(store.name), deletions_told(plan.study_name):
        run = _Run(plan, store, watch, workbench or Workbench())
        with graceful_interrupt(run.tell) if interrupt is None else nullcontext(interrupt) as stop:
            return run.outcome(run.work(stop))


class _Run:
    """One process at work on one study."""

    def __init__(self, plan: Plan, store: Store, watch: Watch, workbench: Workbench) -> None:
        request = plan.request
        self.plan = plan
        self.store = store
        self.watch = watch
        self.last = ""
        self.step_times = StepTimes()
        opened = open_before_study(plan, store, workbench, self.tell_early)
        self.ledger = Ledger(plan, store, self.tell_early)
        self.confirmation = plan.confirmation()
        self.benches = Benches(
            plan, self.confirmation, store, workbench, self.ledger.retry, self.tell, opened
        )
        self.record = self.ledger.read()
        self.ledger.refresh_note(self.record)
        self.proposer = make_proposer(
            request.sampler,
            plan.stack,
            request.trials,
            self.seed(),
            budgets=self.ledger.budgets,
            first=self.first_points(),
        )
        self.deadline = Deadline(request.timeout_s)
        self.plateau = Plateau(self.ledger.budgets)
        self.standstill = Standstill()
        self.failures: dict[str, str] = {}
        self.remeasurement = Remeasurement(
            self.ledger,
            self.benches,
            self.confirmation is not None,
            request.trial_timeout_s,
            self.step_times,
            self.standstill,
            self.failures,
            self.tell,
        )
        self.measured = 0
        # Only now is everything there that it tells of.
        self.ledger.retry.tell = self.tell
        self.ledger.reconsider(self.stays_given_up)
        self.ledger.free_failed()

    def seed(self) -> int:
        """Of the sampler: another one for each worker that joins, which would else say the same."""
        retry, study = self.ledger.retry, self.ledger.study
        return self.plan.request.seed + len(retry(lambda: study.get_trials(deepcopy=False)))

    def first_points(self) -> list[Point]:
        """The points to measure before the sampler is asked.

        Imported points come first, then the best points of the studies of the stack's parts. The
        samplers that serve as a comparison take nothing from other studies.
        """
        retry = self.ledger.retry
        imported = retry(lambda: imported_points(self.plan, self.store))
        if self.plan.request.sampler != "auto":
            return imported
        warm = retry(lambda: warm_points(self.plan, self.store))
        return imported + [point for point in warm if point not in imported]

    @property
    def screens(self) -> bool:
        """Whether points may be given up early: not where every one is wanted in full."""
        return self.plan.request.screening and not self.proposer.thorough

    @property
    def screening_budget(self) -> float:
        """The loss budget of screening: what is given up is hopeless for the study as well."""
        return max(self.ledger.budgets.clip_loss, self.record.loss_budget)

    @property
    def wanted(self) -> int:
        """How many points the study is to have measured in the end."""
        return min(self.plan.request.trials, len(self.plan.stack.points))

    @property
    def met(self) -> TrialRecord | None:
        """The fastest point that meets the requirement."""
        request, budgets = self.plan.request, self.ledger.budgets
        meeting = [t for t in self.record.trials if meets(t, request.requirement, budgets)]
        return max(meeting, key=lambda trial: trial.judged_speedup, default=None)

    def work(self, stop: Interrupt) -> EndReason:
        """Measure points until there are enough, then look at some a second time."""
        while True:
            reason = self.enough()
            if reason is None and stop.requested:
                return "interrupt"
            if reason is None and not self.advance():
                reason = self.nothing_left()
            if reason in SETTLED:
                reason = self.look_again(reason, stop)
            if reason is not None:
                return reason

    def read(self) -> StudyRecord:
        """Read the study anew."""
        self.record = self.ledger.read()
        return self.record

    def nothing_left(self) -> EndReason:
        """How a run ends to which no further point is proposed."""
        if self.ledger.under_way():
            return "others"
        if not self.record.trials:
            raise self.nothing_measured()
        return "points"

    def look_again(self, reason: EndReason, stop: Interrupt) -> EndReason | None:
        """Time disturbed points again and confirm the best.

        Returns:
            How the run ends; None if it does not, as what met the requirement does so no more.
        """
        again = self.remeasurement
        while (due := again.due(self.read, lambda: self.met)) and not self.deadline.passed():
            if stop.requested:
                return "interrupt"
            self.look(due[0])
            self.read()
            if reason == "requirement" and self.met is None:
                again.pending = None
                return None
        again.pending = []
        self.tell("done")
        return reason

    def look(self, due: Due) -> None:
        """Take a second look at a point."""
        if self.benches.doubtful:
            self.restore()
        self.last = self.remeasurement.take(due, self.record.trials) or self.last

    def enough(self) -> EndReason | None:
        """Why to start no further trial, if there is a reason."""
        self.record = self.ledger.read()
        done = len(self.record.trials)
        if self.met is not None:
            return "requirement"
        if done >= self.wanted:
            return "points" if self.wanted == len(self.plan.stack.points) else "trials"
        if done + self.ledger.under_way() >= self.wanted:
            return "others"
        if self.deadline.passed():
            return "timeout"
        if self.plateau.reached(self.record.trials) and not self.proposer.thorough:
            return "plateau"
        if len(self.failures) >= MAX_FAILURES and not done:
            raise self.nothing_measured()
        return None

    def nothing_measured(self) -> StudyFailedError:
        """What a run ends with that has no point to show."""
        reasons = [failure.reason for failure in self.record.failed] + [*self.failures.values()]
        return StudyFailedError(
            "no point could be measured; the last one failed: "
            f"{next(reversed(reasons), 'it was given up')}; --retry-failed tries them again"
        )

    def advance(self) -> bool:
        """Propose a point and measure it, unless it is known; False if no point is left."""
        if self.benches.doubtful:
            self.restore()
        bench = self.benches.search
        if bench.doubt != self.record.doubt:
            self.ledger.doubt(bench.doubt)
            self.tell(bench.doubt)
        self.tell("choosing a point")
        start = time.perf_counter()
        taken = self.ledger.taken()
        known = taken.keys() | self.failures.keys()
        try:
            proposal = self.ledger.retry(lambda: self.proposer.propose(self.ledger.study, known))
        except UpdateFinishedTrialError:
            # It took so long that another worker gave the trial up.
            self.standstill.note("given up for dead before it was chosen", self.ledger.taken())
            return True
        if proposal is None:
            return False
        try:
            proposal = as_enqueued(self.plan.stack, proposal)
        except RefusedError as error:
            self.ledger.fail(proposal.trial, str(error))
            self.last = f"enqueued, and left out: {error}"
            return True
        key = point_key(proposal.point)
        if key in self.failures or not self.ledger.claim(proposal, self.wanted):
            self.ledger.repeat(proposal.trial, taken.get(key))
            self.standstill.note(key, self.ledger.taken())
            return True
        self.standstill.end()
        sampling_s = time.perf_counter() - start
        self.tell(f"measuring {key}")
        try:
            with self.ledger.heartbeat(proposal.trial):
                self.measure_and_keep(bench, proposal, sampling_s)
        except KeyboardInterrupt:
            self.ledger.fail(proposal.trial, "interrupted")
            raise
        self.step_times.note("measured", time.perf_counter() - start)
        return True

    def measure_and_keep(self, bench: Bench, proposal: Proposal, sampling_s: float) -> None:
        """Measure a claimed point and store what came of it."""
        grid = PictureGrid()
        try:
            measurement = self.measure(bench, proposal, grid)
            picture = grid.webp()
        except Exception as error:
            # A method's library may raise anything: it fails this point, and the reason is kept.
            failure = first_line(error)
            self.failures[point_key(proposal.point)] = failure
            self.last = f"failed: {failure}"
            self.benches.doubtful = True
            self.ledger.fail(proposal.trial, failure, is_own_fault(error))
        else:
            kept = self.ledger.keep(proposal.trial, measurement, sampling_s, picture)
            self.note(measurement, kept)

    def restore(self) -> None:
        """Go on after a failed trial with a pipe that is proven."""
        done = self.benches.restore()
        if done:
            self.last += f"; {done}"

    def measure(self, bench: Bench, proposal: Proposal, grid: PictureGrid) -> Measurement:
        """Measure a point; one that turns out hopeless is given up early."""
        trials = self.record.trials
        screen = Screen(trials, self.record.searched_front, self.screening_budget)
        # As many points may be given up as are wanted: they take no place, so that a space without
        # a good point would be gone through to its end.
        may_give_up = self.screens and self.ledger.given_up() < self.wanted
        measurement = bench.objective.measure(
            proposal.point,
            bench.baseline,
            screen if may_give_up else None,
            grid.add,
            self.plan.request.trial_timeout_s,
        )
        return marked(measurement, trials)

    def stays_given_up(self, measured: Mapping[str, Any]) -> bool:
        """Whether a point that was given up early would be so today."""
        speedup, loss = (
            Estimate(measured[name], *measured[f"{name}_ci"]) for name in ("speedup", "clip_loss")
        )
        hopeless = is_hopeless(speedup, loss, self.record.searched_front, self.screening_budget)
        return self.screens and hopeless

    def note(self, measurement: Measurement, kept: bool) -> None:
        """Keep the last trial's result for whoever watches."""
        words = in_words(measurement)
        if not kept:
            self.last = f"{words}, dropped: this worker was silent and given up for dead"
        elif measurement.stopped_early:
            self.last = f"{words}, given up early"
        else:
            self.last = words
            self.measured += 1

    def tell_early(self, stage: str) -> None:
        """Tell whoever watches what happens before anything is known of the study."""
        budgets = Budgets(self.plan.request.loss_budget or DEFAULT_LOSS_BUDGET)
        self.watch(Progress(stage, 0, self.wanted, budgets, best=None, last="", left_s=None))

    def tell(self, stage: str) -> None:
        """Tell whoever watches what happens now."""
        trials = self.record.trials
        self.watch(
            Progress(
                stage=stage,
                done=len(trials),
                wanted=self.wanted,
                budgets=self.ledger.budgets,
                best=judged_bound(trials, self.ledger.budgets),
                last=self.last,
                left_s=self.step_times.left_s(self.steps_left()),
                notes=self.plan.notes + self.benches.notes,
            )
        )

    def steps_left(self) -> Mapping[Step, int]:
        """What this run has still to do: of second looks what is due, or will be."""
        if self.remeasurement.pending is not None:
            return Counter(due.look for due in self.remeasurement.pending)
        trials = self.record.trials
        confirmations = 0
        if self.confirmation is not None:
            # What meets a requirement is confirmed alone.
            is_asked = self.plan.request.requirement != Requirement()
            budgets = self.ledger.budgets
            confirmations = 1 if is_asked else left_to_confirm(trials, self.wanted, budgets)
        return steps_to_come(trials, self.wanted, confirmations)

    def outcome(self, reason: EndReason) -> Outcome:
        """Sum the run up."""
        self.benches.leave()
        self.record = self.ledger.read()
        self.ledger.refresh_note(self.record)
        unkept = self.ledger.unkept
        lacks_prompts = self.plan.request.confirm and self.confirmation is None
        return Outcome(
            self.record,
            reason,
            self.measured,
            self.met,
            self.failures,
            unkept,
            lacks_prompts and reason in SETTLED,
            earlier=self.ledger.retry(lambda: earlier_note(self.plan, self.store)),
        )
