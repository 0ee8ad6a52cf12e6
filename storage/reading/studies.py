"""Reading studies back: all of a database in a few queries, or one through Optuna."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches

import optuna
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError
from sqlalchemy import select

from storage.database.opening import Store
from storage.database.votes import read_votes
from storage.errors import NoStudiesError, StorageError
from storage.reading.trials import RawTrial, Sorted, sort_trials
from storage.reading.votes import win_rates
from storage.records.budgets import Budgets
from storage.records.combination import StudyName
from storage.records.points import by_whole_names
from storage.records.record import parsed
from storage.records.remeasurement import join_remeasurements
from storage.records.study import Study, StudyAttributes
from storage.records.trial import Failure, Trial
from storage.study_store.attributes import COMBINATION, LABEL, LOSS_BUDGET, STUDY_KEYS
from storage.study_store.rows import (
    TRIALS,
    StudyRow,
    collector_paused,
    read_failures,
    read_study_rows,
    read_trials,
)

_HOLDS_NONE = "{} holds no studies; `accelfront study` makes some"


def read_study(study: optuna.Study) -> Study:
    """Read a study of ours, from what its storage object has already loaded.

    Raises:
        StorageError: If its attributes are not those of a study of ours.
    """
    trials = study.get_trials(deepcopy=False)
    return _record(study.study_name, study.user_attrs, map(RawTrial.of_optuna, trials))


def read_studies(
    store: Store, name: str | None = None, tell: Callable[[str], None] = lambda line: None
) -> list[Study]:
    """Read the studies of a database, by name.

    Args:
        store: An open database.
        name: Read only this study: by its name, its label, or its digest if that is unambiguous.
        tell: Called with a message for each study of ours that cannot be read; the others are read.

    Raises:
        NoStudiesError: If there is no study.
        StorageError: If there is none of this name, or none that can be read.
    """
    rows = read_study_rows(store.engine, STUDY_KEYS)
    names = {study_id: row.name for study_id, row in rows.items()}
    if name is not None:
        name = _named(store, name, rows.values())
    ours = {
        study_id: row
        for study_id, row in sorted(rows.items(), key=lambda item: item[1].name)
        if name in (None, row.name) and LOSS_BUDGET in row.attributes
    }
    if not ours:
        raise NoStudiesError(_HOLDS_NONE.format(store.name))
    records, problems = [], []
    with collector_paused():
        trials = read_trials(store.engine, ours)
        failures = read_failures(store.engine, ours)
        votes = win_rates(read_votes(store.engine, ours), names)
        for study_id, row in ours.items():
            try:
                own = map(RawTrial.of_row, trials.pop(study_id))
                record = _record(row.name, _attributes(row), own, failures[study_id])
                records.append(record.model_copy(update={"votes": votes.get(study_id, {})}))
            except StorageError as error:
                problems.append(str(error))
    if not records:
        raise StorageError(f"{store.name} holds no study that can be read: {problems[0]}")
    for problem in problems:
        tell(f"left out: {problem}")
    return records


def has_study(store: Store, name: str) -> bool:
    """Whether a database has a study of this name, with trials or without."""
    try:
        store.optuna.get_study_id_from_name(name)
    except KeyError:
        return False
    return True


def is_under_way(store: Store, name: str) -> bool:
    """Whether a worker has begun a trial of this study and not ended it; False without a study."""
    if not has_study(store, name):
        return False
    study_id = store.optuna.get_study_id_from_name(name)
    running = select(TRIALS.c.trial_id).where(
        TRIALS.c.study_id == study_id, TRIALS.c.state == TrialState.RUNNING
    )
    with store.engine.connect() as connection:
        return connection.execute(running.limit(1)).first() is not None


def find_study(store: Store, name: str) -> Study | None:
    """Read the study of this name, if there is one, it is ours and can be read."""
    try:
        [study] = read_studies(store, name)
    except StorageError:
        return None
    return study


def own_study(store: Store, name: str) -> Study | None:
    """Read the study of this name to resume it; None if it has not begun.

    Raises:
        StorageError: If it cannot be read.
    """
    if not has_study(store, name):
        return None
    try:
        [study] = read_studies(store, name)
    except NoStudiesError:
        # Another worker is just creating it.
        return None
    return study


def find_name(store: Store, given: str) -> str:
    """Find the whole name of the study of ours with this name, label or digest.

    Raises:
        StorageError: If there is none, or if there are several.
    """
    rows = read_study_rows(store.engine, (LABEL, COMBINATION)).values()
    return _named(store, given, [row for row in rows if COMBINATION in row.attributes])


def labels_and_names(store: Store) -> list[str]:
    """What people may call the studies of a database by: labels, then names."""
    rows = read_study_rows(store.engine, (LABEL,)).values()
    return [*(row.label for row in rows if row.label), *(row.name for row in rows)]


def study_names(store: Store) -> list[str]:
    """The names of all studies of a database; Optuna's own list loads each study in full."""
    return [row.name for row in read_study_rows(store.engine, ()).values()]


def completed(trials: Iterable[FrozenTrial]) -> list[Trial]:
    """The distinct points that were measured in full, by trial number."""
    return _points(sort_trials(map(RawTrial.of_optuna, trials)))


def _attributes(row: StudyRow) -> dict[str, object]:
    return {key: parsed(text) for key, text in row.attributes.items()}


def _named(store: Store, given: str, rows: Iterable[StudyRow]) -> str:
    """The name of the one study that is meant; raises StorageError if there is not exactly one."""
    names = {row.name: (row.label, StudyName.read(row.name).digest) for row in rows}
    if given in names:
        return given
    meant = [name for name, others in names.items() if given and given in others]
    if len(meant) > 1:
        raise StorageError(f"{given!r} names several studies: {', '.join(meant)}; give one of them")
    if not meant:
        known = [*names, *(label for label, _ in names.values() if label)]
        if not known:
            raise NoStudiesError(_HOLDS_NONE.format(store.name))
        near = ", ".join(get_close_matches(given, known, n=3, cutoff=0))
        raise StorageError(f"{store.name} has no study {given!r}; the nearest: {near}")
    return meant[0]


def _record(
    name: str,
    content: Mapping[str, object],
    trials: Iterable[RawTrial],
    failed: Sequence[Failure] = (),
) -> Study:
    try:
        kept = StudyAttributes.model_validate(content)
    except ValidationError as error:
        raise StorageError(
            f"study {name} is not as accelfront keeps one: {_first_fault(error)}; restore it from "
            "a copy, or delete it"
        ) from error
    found = sort_trials(trials, kept.protocol.loss)
    return Study(
        name=name,
        combination=kept.combination,
        protocol=kept.protocol,
        environment=kept.environment,
        space=kept.space.model_copy(update={"choices": by_whole_names(kept.space.choices)}),
        budgets=Budgets(kept.loss_budget, kept.budgets, kept.protocol.loss),
        trials=_points(found),
        states=dict(found.states),
        scheduler_settings=kept.scheduler_settings,
        scheduler_options=kept.scheduler_options,
        doubt=kept.doubt,
        origin=kept.model_origin,
        files=kept.files,
        label=kept.label,
        learned=kept.learned,
        foreign_trials=found.foreign,
        failed=list(failed),
    )


def _first_fault(error: ValidationError) -> str:
    """The first fault and its place, in one line."""
    [first, *_] = error.errors(include_url=False, include_input=False)
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg'].lower()}"


def _points(found: Sorted) -> list[Trial]:
    """The distinct points, joined to their remeasurements."""
    return join_remeasurements(_distinct(found.points), found.remeasurements)


def _distinct(trials: Iterable[Trial]) -> list[Trial]:
    """The first trial of each point.

    A worker that was suspended during its last write may complete a point that was given to another
    worker meanwhile.
    """
    first: dict[frozenset[tuple[str, float]], Trial] = {}
    for trial in trials:
        first.setdefault(frozenset(trial.params.items()), trial)
    return list(first.values())
