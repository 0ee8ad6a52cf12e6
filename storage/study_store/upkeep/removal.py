"""Deleting a study, with the pictures, baselines and script records that nothing else uses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.artifacts._upload import ARTIFACTS_ATTR_PREFIX
from optuna.storages._rdb import models
from sqlalchemy import Table, delete, select

from storage.database.opening import Store
from storage.database.schema import add_missing_tables, baselines, creation_lock, scripts
from storage.errors import StudyRefusedError
from storage.records.record import parsed
from storage.study_store.artifacts import artifact_folder
from storage.study_store.attributes import BASELINES, COMBINATION
from storage.study_store.deletions import put_right
from storage.study_store.rows import STUDIES, StudyRow, read_study_rows
from storage.study_store.upkeep.workers import live_worker

TRIALS: Table = models.TrialModel.__table__
TRIAL_FILES: Table = models.TrialSystemAttributeModel.__table__
STUDY_FILES: Table = models.StudySystemAttributeModel.__table__


class Removed(NamedTuple):
    """Counts of what was deleted with a study: trials, pictures and baselines."""

    trials: int
    pictures: int
    baselines: int


def remove_study(store: Store, name: str) -> Removed:
    """Delete a study and everything that only it uses.

    Args:
        store: An open database.
        name: The whole name of a study of ours.

    Raises:
        StudyRefusedError: If a worker is using it.
        StorageError: If the database is none of ours.
    """
    add_missing_tables(store.engine)
    # A worker opens a study under this lock too.
    with creation_lock(store.engine):
        put_right(store.engine)
        study = optuna.load_study(study_name=name, storage=store.optuna)
        if worker := live_worker(store, study):
            raise StudyRefusedError(f"{name} stays: {worker}; end it there first (Ctrl-C)")
        trials = len(study.get_trials(deepcopy=False))
        files, unused = _files_of_it_alone(store, name), _baselines_of_it_alone(store, name)
        optuna.delete_study(study_name=name, storage=store.optuna)
        with store.engine.begin() as connection:
            # A study that begins anew gets the same name, and numbers its trials anew.
            connection.execute(delete(scripts).where(scripts.c.study == name))
            connection.execute(delete(baselines).where(baselines.c.key.in_(unused)))
        put_right(store.engine)
    return Removed(trials, _remove(artifact_folder(store), files), len(unused))


def _files_of_it_alone(store: Store, name: str) -> set[str]:
    """The files that only this study lists; a copy of it would list them too."""
    of_trials = (
        select(STUDIES.c.study_name, TRIAL_FILES.c.value_json)
        .join_from(TRIAL_FILES, TRIALS, TRIALS.c.trial_id == TRIAL_FILES.c.trial_id)
        .join(STUDIES, STUDIES.c.study_id == TRIALS.c.study_id)
        .where(TRIAL_FILES.c.key.startswith(ARTIFACTS_ATTR_PREFIX, autoescape=True))
    )
    of_studies = (
        select(STUDIES.c.study_name, STUDY_FILES.c.value_json)
        .join_from(STUDY_FILES, STUDIES, STUDIES.c.study_id == STUDY_FILES.c.study_id)
        .where(STUDY_FILES.c.key.startswith(ARTIFACTS_ATTR_PREFIX, autoescape=True))
    )
    own: set[str] = set()
    others: set[str] = set()
    with store.engine.connect() as connection:
        for query in (of_trials, of_studies):
            for study, content in connection.execute(query):
                file = json.loads(json.loads(content))["artifact_id"]
                (own if study == name else others).add(file)
    return own - others


def _baselines_of_it_alone(store: Store, name: str) -> set[str]:
    """The baselines that only this study can have measured against."""
    rows = read_study_rows(store.engine, (BASELINES, COMBINATION)).values()
    [this] = [row for row in rows if row.name == name]
    others = [row for row in rows if row.name != name]
    # Studies of earlier releases do not say which baselines are theirs.
    if any(BASELINES not in row.attributes and _plain(row) == _plain(this) for row in others):
        return set()
    return _baselines(this) - {key for row in others for key in _baselines(row)}


def _baselines(row: StudyRow) -> set[str]:
    keys = parsed(row.attributes.get(BASELINES, "[]"))
    return {key for key in keys if isinstance(key, str)} if isinstance(keys, list) else set()


def _plain(row: StudyRow) -> object:
    """A study's combination without its methods."""
    content = parsed(row.attributes.get(COMBINATION, "{}"))
    if not isinstance(content, dict):
        return None
    return {name: value for name, value in content.items() if name != "methods"}


def _remove(folder: Path, files: Iterable[str]) -> int:
    """Remove files of a folder; a name with a path, or a missing file, is skipped."""
    count = 0
    for file in files:
        path = folder / file
        if Path(file).name == file and path.is_file():
            path.unlink()
            count += 1
    return count
