"""What a run of a study did, in lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelfront.screen.counting import counted
from accelfront.screen.tables import failures_text, waiting_text, weakness_text
from storage.reading.studies import read_studies
from storage.records.conclusions.words import loss_share, loss_title

if TYPE_CHECKING:
    from storage.database.opening import Store
    from storage.records.study import Study
    from studies.run.progress import RunResult


def run_summary(outcome: RunResult, store: Store) -> list[str]:
    """What the run did and how to proceed, a line each.

    Args:
        outcome: How the run ended.
        store: Where its study is kept.
    """
    study = outcome.study
    done, distinct = len(study.trials), study.space.distinct
    reasons = {
        "trials": "To measure more, raise --trials.",
        "points": "No point is left to measure.",
        "requirement": "A point meets the requirement.",
        "timeout": "The time is up; the same command resumes the study.",
        "plateau": "The last points brought no gain; the same command resumes the study.",
        "interrupt": "Interrupted; the same command resumes the study.",
        "others": "Other workers are measuring the rest.",
    }
    lines = [
        f"{done} of {distinct} points measured, {outcome.measured} of them now; "
        f"kept in {store.name}. {reasons[outcome.reason]}"
    ]
    if outcome.met is not None:
        lines.append(
            f"trial {outcome.met.number} meets the requirement: "
            f"{outcome.met.judged_speedup:.2f}x and {outcome.met.judged.latency_s:.3g} s "
            f"per picture in batches of {study.protocol.batch_size}"
        )
    lines += _remeasured(outcome)
    if waiting := waiting_text(study):
        lines.append(waiting)
    lines += [study.doubt] if study.doubt else []
    lines += _weakness(study, store)
    if outcome.earlier:
        lines.append(outcome.earlier)
    if outcome.unkept is not None:
        lines.append(f"{outcome.unkept}; the figures are kept")
    lines += [f"could not be measured: {point}: {why}" for point, why in outcome.failures.items()]
    before = [each for each in study.failed if each.point not in outcome.failures]
    return lines + failures_text(before, "failed before, and not tried again")


def _weakness(study: Study, store: Store) -> list[str]:
    """Warnings that the baseline scores less than that of a comparable study."""
    from generator.bounds import weak_baselines

    lasting = study.protocol.lasting
    alike = [each for each in read_studies(store) if each.protocol.lasting == lasting]
    combination = study.combination
    own = combination.pipeline, combination.scheduler, combination.steps
    return [
        weakness_text(weak)
        for weak in weak_baselines(alike)
        if (weak.pipeline, weak.scheduler, weak.steps) == own
    ]


def _remeasured(outcome: RunResult) -> list[str]:
    """Lines on disturbed trials, and on the results of confirmations."""
    study, lines = outcome.study, []
    disturbed = [trial for trial in study.trials if trial.was_disturbed]
    if disturbed:
        again = sum(t.timed_again and bool(t.measurement.disturbances) for t in disturbed)
        words = sorted(
            {w for trial in disturbed for look in trial.measurements for w in look.disturbances}
        )
        one = len(disturbed) == 1
        in_vain = f", {'' if one else f'{again} of them '}also when timed again" if again else ""
        lines.append(
            f"{counted(len(disturbed), 'trial')} {'was' if one else 'were'} disturbed "
            f"({', '.join(words)}){in_vain}; doubt {'its latency' if one else 'their latencies'}"
        )
    confirmed = [trial for trial in study.trials if trial.confirmed is not None]
    for trial in sorted(confirmed, key=lambda trial: -trial.judged_speedup):
        assert trial.confirmed is not None
        lines.append(
            f"trial {trial.number} on {trial.confirmed.samples} unseen prompts: "
            f"{trial.confirmed.speedup:.2f}x, {loss_title(study.loss)} "
            f"{loss_share(trial.lost(trial.confirmed).value)} "
            f"(in the search {trial.speedup:.2f}x, {loss_share(trial.loss)})"
        )
    if outcome.lacks_prompts:
        lines.append(
            "the prompts file has too few prompts left to confirm the best points; give a longer "
            "file (--prompts) or a smaller --num-samples"
        )
    return lines
