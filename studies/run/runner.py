"""Running a study: propose, claim, measure and keep a point, until the study has done enough."""

from __future__ import annotations

import time
from contextlib import nullcontext

from optuna.exceptions import UpdateFinishedTrialError

from accel_space.errors import RefusedError
from storage.database.opening import Store
from storage.records.budgets import Budgets
from storage.records.points import point_key
from storage.records.requirement import Requirement, meets
from storage.records.study import Study
from storage.records.trial import Trial
from studies.earlier import earlier_note
from studies.errors import StudyFailedError
from studies.note import study_note
from studies.plan import Plan
from studies.planning.metrics import wanted_metrics
from studies.run.failures import raising_study_failed
from studies.run.interrupt import Interrupt, graceful_interrupt
from studies.run.learning import with_learned
from studies.run.measuring import Instruments, PipelineLoader, load_before_study
from studies.run.opening import open_study_store, run_budgets, with_metrics_kept
from studies.run.point import PointMeasuring
from studies.run.progress import EndReason, Reporter, RunResult, Watch
from studies.run.remeasurement.remeasuring import Remeasuring
from studies.run.stopping import Deadline, Plateau, Standstill
from studies.search.enqueued import as_enqueued
from studies.search.first_points import first_points
from studies.search.samplers import Proposal, make_proposer

MAX_FAILURES = 3
"""A study stops after this many failures if no point could be measured."""

SETTLED = ("trials", "points", "requirement", "plateau")
"""The reasons for which a run has searched enough, and goes on to remeasurements."""


def run_study(
    plan: Plan,
    store: Store,
    watch: Watch = lambda progress: None,
    loader: PipelineLoader | None = None,
    interrupt: Interrupt | None = None,
) -> RunResult:
    """Run or resume a study until it has done enough.

    Args:
        plan: What to run.
        store: Where it is kept.
        watch: Told of each change.
        loader: A loader with what it has loaded; None starts with nothing.
        interrupt: Set by the caller to end after the running trial; None listens to Ctrl-C.

    Raises:
        InputError: If a part of the model or the scorer cannot be loaded.
        StudyRefusedError: If libraries or the space changed since the study began.
        StudyFailedError: If no point can be measured, the database stays away, or the study is
            deleted meanwhile.
        MeasurementError: If the unaccelerated pipeline makes no pictures.
    """
    with raising_study_failed(plan.study_name, store.name):
        run = _Run(plan, store, watch, loader or PipelineLoader())
        listening = graceful_interrupt(run.reporter.say)
        with listening if interrupt is None else nullcontext(interrupt) as stop:
            try:
                return run.result(run.work(stop))
            finally:
                run.study_store.leave()


class _Run:
    """One process at work on one study."""

    def __init__(self, plan: Plan, store: Store, watch: Watch, loader: PipelineLoader) -> None:
        request = plan.request
        self.store = store
        self.reporter = Reporter(watch, request.trials, Budgets(request.loss_budget or 0.0))
        say = self.reporter.say
        plan = with_learned(with_metrics_kept(plan, store, say), store, loader, say)
        self.plan = plan
        self.wanted = self.reporter.wanted = min(request.trials, len(plan.stack.points))
        loaded = load_before_study(plan, store, loader, say)
        self.study_store = open_study_store(plan, store, say)
        self.retry = self.study_store.retry
        self.budgets = run_budgets(request, self.study_store.budgets)
        self.reporter.budgets = self.budgets
        confirmation = plan.confirmation()
        self.instruments = Instruments(plan, confirmation, store, loader, self.retry, say, loaded)
        self.reporter.notes = lambda: plan.notes + self.instruments.notes
        self.read()
        self.write_note()
        self.proposer = make_proposer(
            request.sampler,
            plan.stack,
            request.trials,
            # Each worker that joins needs its own seed, or it would propose the same points.
            request.seed + self.study_store.count_trials(),
            budgets=self.budgets,
            first=self.retry(lambda: first_points(plan, store)),
        )
        self.deadline = Deadline(request.timeout_s)
        self.plateau = Plateau(self.budgets)
        self.standstill = Standstill()
        self.failures: dict[str, str] = {}
        self.points = PointMeasuring(
            request,
            self.study_store,
            self.instruments,
            self.failures,
            self.reporter,
            self.proposer.thorough,
        )
        self.remeasuring = Remeasuring(
            self.study_store,
            self.instruments,
            confirmation is not None,
            self.budgets,
            wanted_metrics(plan.request, self.budgets, plan.protocol),
            request.trial_timeout_s,
            self.standstill,
            self.failures,
            self.reporter,
        )
        self.reporter.steps_left = lambda: self.remeasuring.steps_left(
            self.record.trials, self.wanted, request.requirement != Requirement()
        )
        self.study_store.free_given_up(
            lambda measured: self.points.stays_given_up(measured, self.record)
        )
        self.study_store.free_failed(all_of_them=request.retry_failed)

    def read(self) -> Study:
        """Read the study anew."""
        self.record = self.study_store.read()
        self.reporter.trials = self.record.trials
        return self.record

    def write_note(self) -> None:
        """Write into the study's note what it has found so far and how to resume it."""
        self.study_store.write_note(study_note(self.plan, self.record, self.store.name))

    @property
    def met(self) -> Trial | None:
        """The fastest point that meets the requirement."""
        wish = self.plan.request.requirement
        meeting = [trial for trial in self.record.trials if meets(trial, wish, self.budgets)]
        return max(meeting, key=lambda trial: trial.judged_speedup, default=None)

    def work(self, stop: Interrupt) -> EndReason:
        """Measure points until there are enough, then measure some of them again."""
        while True:
            reason = self.enough()
            if reason is None and not stop.requested:
                # The first call loads the pipeline, and a person may have interrupted that.
                self.restore()
                self.note_doubt()
            if reason is None and stop.requested:
                return "interrupt"
            if reason is None and not self.advance():
                reason = self.nothing_left()
            if reason in SETTLED:
                reason = self.measure_again(reason, stop)
            if reason is not None:
                return reason

    def enough(self) -> EndReason | None:
        """Return why to start no further trial, if there is a reason."""
        done = len(self.read().trials)
        if self.met is not None:
            return "requirement"
        if done >= self.wanted:
            return "points" if self.wanted == len(self.plan.stack.points) else "trials"
        if done + self.study_store.under_way() >= self.wanted:
            return "others"
        if self.deadline.passed():
            return "timeout"
        if self.plateau.reached(self.record.trials) and not self.proposer.thorough:
            return "plateau"
        if len(self.failures) >= MAX_FAILURES and not done:
            raise self.nothing_measured()
        return None

    def nothing_left(self) -> EndReason:
        """Return the reason of a run that ends because no further point is proposed."""
        if self.study_store.under_way():
            return "others"
        if not self.record.trials:
            raise self.nothing_measured()
        return "points"

    def nothing_measured(self) -> StudyFailedError:
        """Return the error of a run that measured no point."""
        reasons = [failure.reason for failure in self.record.failed] + [*self.failures.values()]
        if not reasons:
            last = self.reporter.last or "given up early"
            return StudyFailedError(
                f"no point was measured in full; the last one: {last}; take other methods"
            )
        return StudyFailedError(
            f"no point could be measured; the last one failed: {reasons[-1]}; --retry-failed tries "
            "them again"
        )

    def measure_again(self, reason: EndReason, stop: Interrupt) -> EndReason | None:
        """Time disturbed points again and confirm the best.

        Returns:
            The reason the run ended, or None if no point meets the requirement any more.
        """
        again = self.remeasuring
        while (due := again.due(self.read, lambda: self.met)) and not self.deadline.passed():
            if stop.requested:
                return "interrupt"
            self.restore()
            again.take(due[0], self.record.trials)
            self.read()
            if reason == "requirement" and self.met is None:
                again.pending = None
                return None
        again.pending = []
        self.reporter.say("done")
        return reason

    def advance(self) -> bool:
        """Propose a point and measure it unless it is known; return False if no point is left."""
        self.reporter.say("choosing a point")
        start = time.perf_counter()
        taken = self.study_store.taken()
        known = taken.keys() | self.failures.keys()
        try:
            proposal = self.retry(lambda: self.proposer.propose(self.study_store.study, known))
        except UpdateFinishedTrialError:
            # The choice took so long that another worker gave the trial up for dead.
            late = "given up for dead before it was chosen"
            self.standstill.note(late, self.study_store.taken())
            return True
        if proposal is None:
            return False
        if (claimed := self.claim(proposal, taken)) is not None:
            self.standstill.end()
            self.points.measure(claimed, time.perf_counter() - start, self.record)
        return True

    def claim(self, proposal: Proposal, taken: dict[str, int]) -> Proposal | None:
        """Take a proposed point for this process.

        Args:
            proposal: The trial and the point that was chosen for it.
            taken: Trial numbers, by key, of the points that were taken before it was chosen.

        Returns:
            The proposal with the point that its trial really has; None if that point is known or
            outside the study's space.
        """
        points = self.study_store.points
        try:
            proposal = as_enqueued(self.plan.stack, proposal)
        except RefusedError as error:
            points.fail(proposal.trial, str(error))
            self.reporter.last = f"enqueued, and left out: {error}"
            return None
        key = point_key(proposal.point)
        if key not in self.failures and points.claim(proposal.trial, proposal.point, self.wanted):
            return proposal
        points.repeat(proposal.trial, taken.get(key))
        self.standstill.note(key, self.study_store.taken())
        return None

    def restore(self) -> None:
        """Make sure after a failed trial that the pipe is intact."""
        if self.instruments.doubtful and (done := self.instruments.restore()):
            self.reporter.last += f"; {done}"

    def note_doubt(self) -> None:
        """Keep and report why a small loss means little, if that is new."""
        doubt = self.instruments.search.doubt
        if doubt != self.record.doubt:
            self.study_store.note_doubt(doubt)
            self.reporter.say(doubt)

    def result(self, reason: EndReason) -> RunResult:
        """Sum up the run."""
        self.instruments.leave()
        self.read()
        self.write_note()
        lacks_prompts = self.plan.request.confirm and not self.remeasuring.confirms
        return RunResult(
            self.record,
            reason,
            self.points.measured,
            self.met,
            self.failures,
            self.study_store.points.unkept,
            lacks_prompts and reason in SETTLED,
            earlier=self.retry(lambda: earlier_note(self.plan, self.store)),
        )
