"""The report's facts about studies, computed from their records; no HTML and no chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median, stdev

from accelfront.screen.commands import Commands
from accelfront.screen.rivals import fewer_steps_text, vs_lossless_text
from accelfront.screen.tables import foreign_text, worst_text
from accelfront.screen.verdict import Verdict, verdict
from accelfront.screen.votes import votes_text
from storage.records.budgets import CLIP_LOSS
from storage.records.combination import StudyName
from storage.records.conclusions.conclusion import Conclusion
from storage.records.conclusions.using import python_lines
from storage.records.conclusions.words import share_text
from storage.records.front import hypervolume, pareto_front
from storage.records.judgement import LEAST_SPEEDUP, Rivals
from storage.records.measurement import Measurement
from storage.records.study import OFF_FRONT, Study
from storage.records.trial import Trial


@dataclass(frozen=True)
class FrontPoint:
    """A listed point of a study: one of its front, or its answer.

    Attributes:
        trial: The point.
        role: Whether it is the answer or the bolder point, in words; most are neither.
        inside: Whether it keeps the loss budget by its mean.
        chance: The chance that it is truly inside all budgets.
        command: The command that emits its script; None if no task gets it.
        vs_lossless: Its speedup over that of the best lossless point.
        fewer_steps: The speedup of fewer steps at no greater loss; empty if unknown.
        worst: The mean loss of the prompts that lost most; empty if unknown.
        votes: How people liked its pictures, a line for each rival; mostly empty.
    """

    trial: Trial
    role: str
    inside: bool
    chance: str
    command: str | None
    vs_lossless: str
    fewer_steps: str
    worst: str
    votes: str

    @property
    def on_front(self) -> bool:
        """Whether no other point beats it by its means."""
        return OFF_FRONT not in self.role

    @property
    def why_no_command(self) -> str:
        """Why no script is offered."""
        if self.trial.judged_speedup <= LEAST_SPEEDUP:
            return "not faster than the pipeline alone"
        return "accelfront generate writes no script of this point, whatever the task"


@dataclass(frozen=True)
class Cost:
    """Wall time of a search, in seconds.

    Attributes:
        searched: For the completed points.
        again: For remeasurements of some of them.
        distinct: For all distinct points of the space at the mean cost of a completed one.
        grid: For the full grid of parameter sets at the same cost.
    """

    searched: float
    again: float
    distinct: float
    grid: float

    @property
    def spent(self) -> float:
        """The total."""
        return self.searched + self.again


@dataclass(frozen=True)
class Quality:
    """How far a study's figures can be trusted.

    Attributes:
        drift: Least and greatest baseline latency of a trial, relative to their median.
        noise: Spread of a trial's baseline batches (standard deviation / mean), median over the
            trials; None if no trial had two batches.
        interval: Width of the speedup's interval / speedup, median over the trials.
        disturbed: Number of trials that something disturbed, such as another process on the GPU.
        warmup: Least and greatest seconds that a trial took to compile and capture; None if
            unknown.
    """

    drift: tuple[float, float]
    noise: float | None
    interval: float
    disturbed: int
    warmup: tuple[float, float] | None


@dataclass(frozen=True)
class StudyReport:
    """One study.

    Attributes:
        record: The study as it is stored.
        front: Its front, fastest first, with the answer wherever that is.
        dominated: Its other points.
        found: Its conclusion.
        rivals: What its points have to beat.
        verdict: What to use of it.
        python: The lines of Python that accelerate a loaded pipe with the answer.
        hypervolumes: The hypervolume after each point, in the order of the trials.
        cost: The cost of the search; None without points, as is the next.
        quality: How well it was measured.
    """

    record: Study
    front: list[FrontPoint]
    dominated: list[Trial]
    found: Conclusion
    rivals: Rivals
    verdict: Verdict
    python: str
    hypervolumes: list[float]
    cost: Cost | None
    quality: Quality | None

    @property
    def shown(self) -> Trial | None:
        """The point whose figures and pictures are at the top; None without points."""
        return self.found.best or self.found.bound or self.found.least_lossy

    @property
    def headline(self) -> str:
        """The conclusion in a few words."""
        if (answer := self.found.answer) is not None:
            return f"Use trial {answer.number}: {answer.judged_speedup:.2f}x as fast"
        if not self.record.trials:
            return "No point is measured in full yet"
        if self.found.bolder is not None:
            return "No point is sure enough yet"
        return "Nothing to use"

    @property
    def worst(self) -> str:
        """The loss of the worst prompts at the top's point, which its mean hides."""
        return "" if self.shown is None else worst_text(self.shown)

    @property
    def doubts(self) -> list[str]:
        """Doubts about the study itself; mostly none."""
        foreign = foreign_text(self.record) if self.record.foreign_trials else ""
        return list(filter(None, [self.record.doubt, foreign]))

    @property
    def others(self) -> list[str]:
        """The metrics of its front other than its loss."""
        return kept_losses(self.record, [point.trial for point in self.front])[1:]


def kept_losses(study: Study, trials: Sequence[Trial]) -> list[str]:
    """The metrics in which points have a loss, the study's own first; every point has CLIP's."""
    names = dict.fromkeys([study.loss, CLIP_LOSS])
    return list(names | dict.fromkeys(name for trial in trials for name in trial.judged.metrics))


def report_study(study: Study, commands: Commands) -> StudyReport:
    """Compute the report's facts about a study.

    Args:
        study: The study.
        commands: The commands of its storage.
    """
    trials, budget = study.trials, study.loss_budget
    front, rivals, roles = study.listed, study.rivals, study.roles
    on_front = {trial.number for trial in front}
    return StudyReport(
        record=study,
        front=[
            FrontPoint(
                trial,
                role=roles.get(trial.number, ""),
                inside=trial.judged_loss <= budget,
                chance=share_text(trial.chance_inside(study.budgets)),
                command=commands.of(study, trial),
                vs_lossless=vs_lossless_text(rivals, trial),
                fewer_steps=fewer_steps_text(rivals, trial),
                worst=worst_text(trial),
                votes=votes_text(study, trial),
            )
            for trial in front
        ],
        dominated=[trial for trial in trials if trial.number not in on_front],
        found=study.conclusion,
        rivals=rivals,
        verdict=verdict(study, commands),
        python=python_lines(study.name, commands.storage, is_loaded=True),
        hypervolumes=_hypervolumes(study),
        cost=_cost(study) if trials else None,
        quality=_quality(trials) if trials else None,
    )


def _hypervolumes(study: Study) -> list[float]:
    """The hypervolume after each trial."""
    front: list[Trial] = []
    values = []
    for trial in study.trials:
        # All points that count, so that a long search is not scanned once for every trial.
        if study.budgets.allow(trial.measurement):
            front = pareto_front([*front, trial])
        values.append(hypervolume(front, study.loss_budget))
    return values


def study_titles(studies: Sequence[Study]) -> dict[str, str]:
    """A title for each study by name; studies of one combination get what distinguishes them."""
    titles = {
        study.name: (f"{study.label}: " if study.label else "") + ", ".join(_parts(study))
        for study in studies
    }
    often = Counter(titles.values())
    return {
        name: f"{title} ({StudyName.read(name).digest})" if often[title] > 1 else title
        for name, title in titles.items()
    }


def _parts(study: Study) -> tuple[str, ...]:
    combination = study.combination
    steps, methods = f"{combination.steps} steps", " + ".join(combination.methods)
    return combination.pipeline, combination.scheduler, steps, methods


def _cost(study: Study) -> Cost:
    searched = [_seconds(trial.first_timing or trial.measurement) for trial in study.trials]
    again = [_seconds(trial.measurement) for trial in study.trials if trial.timed_again]
    again += [_seconds(trial.confirmed) for trial in study.trials if trial.confirmed is not None]
    each = mean(searched)
    return Cost(
        searched=sum(searched),
        again=sum(again),
        distinct=each * study.space.distinct,
        grid=each * study.space.grid,
    )


def _seconds(measured: Measurement) -> float:
    return float(sum(measured.seconds.values()))


def _quality(trials: Sequence[Trial]) -> Quality:
    measured = [trial.measurement for trial in trials]
    baselines = [each.baseline_latency_s for each in measured]
    middle = median(baselines)
    batches = [each.baseline_latencies_s for each in measured]
    noises = [stdev(latencies) / mean(latencies) for latencies in batches if len(latencies) > 1]
    warmups = [trial.warmup_s for trial in trials if trial.warmup_s is not None]
    widths = [(each.speedup_ci[1] - each.speedup_ci[0]) / each.speedup for each in measured]
    return Quality(
        drift=(min(baselines) / middle - 1, max(baselines) / middle - 1),
        noise=median(noises) if noises else None,
        interval=median(widths),
        disturbed=sum(trial.was_disturbed for trial in trials),
        warmup=(min(warmups), max(warmups)) if warmups else None,
    )
