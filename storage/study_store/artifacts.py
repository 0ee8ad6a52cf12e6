"""Pictures of trials: files in a folder next to the database, listed in the database.

They use Optuna's artifact store, so that optuna-dashboard shows them.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import optuna
from optuna.artifacts import ArtifactMeta, FileSystemArtifactStore
from optuna.artifacts._upload import ARTIFACTS_ATTR_PREFIX
from optuna.storages._rdb import models
from sqlalchemy import select

from storage.database.opening import Store
from storage.errors import StorageError

PICTURE_NAME = "baseline-above-accelerated-below.webp"
"""Pictures of the protocol's first prompts: the same ones in every trial of a study."""

WORST_NAME = "worst-baseline-above-accelerated-below.webp"
"""Pictures of the prompts that lost most, from left to right."""

FOLDER = "accelfront-artifacts"

FOLDER_VARIABLE = "ACCELFRONT_ARTIFACTS"
"""Names another folder; workers on several machines need one that they all share."""


def artifact_folder(store: Store) -> Path:
    """Find the folder of a database's pictures: an absolute path, which may not exist yet.

    `$ACCELFRONT_ARTIFACTS` if it is set; otherwise next to a SQLite file, and for a server in the
    working folder.
    """
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).absolute()
    url = store.engine.url
    if url.get_backend_name() == "sqlite":
        return Path(str(url.database)).absolute().parent / FOLDER
    return Path(FOLDER).absolute()


def list_pictures(store: Store, worst: bool = False) -> dict[tuple[str, int], list[str]]:
    """The files of the WebP pictures that are listed in a database.

    This takes one query: Optuna's own way reads every trial of every study.

    Args:
        store: An open database.
        worst: Whether to list those of the prompts that lost most, or all others.

    Returns:
        The files' names in the folder, by the study's name and the trial's number.
    """
    studies, trials, attributes = (
        model.__table__
        for model in (models.StudyModel, models.TrialModel, models.TrialSystemAttributeModel)
    )
    wanted = (
        select(studies.c.study_name, trials.c.number, attributes.c.value_json)
        .join_from(trials, studies, studies.c.study_id == trials.c.study_id)
        .join(attributes, attributes.c.trial_id == trials.c.trial_id)
        .where(attributes.c.key.startswith(ARTIFACTS_ATTR_PREFIX, autoescape=True))
    )
    found: dict[tuple[str, int], list[str]] = {}
    with store.engine.connect() as connection:
        for study, number, content in connection.execute(wanted):
            # Text within text: Optuna keeps the entry as JSON, and each attribute is JSON.
            meta = json.loads(json.loads(content))
            if meta["mimetype"] == "image/webp" and (meta["filename"] == WORST_NAME) is worst:
                found.setdefault((study, number), []).append(meta["artifact_id"])
    return found


def keep_picture(folder: Path, trial: optuna.Trial, name: str, content: bytes) -> None:
    """Add a WebP picture to a running trial.

    Args:
        folder: The folder that `artifact_folder` names; it is made if it is missing.
        trial: A running trial: Optuna lets nothing be added to a finished one.
        name: A file name for people.
        content: The file's bytes.

    Raises:
        StorageError: If the file cannot be written; the trial is unchanged.
    """
    key = str(uuid.uuid4())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            FileSystemArtifactStore(folder).write(key, BytesIO(content))
        except OSError:
            # A full disk leaves half a file.
            (folder / key).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(
            f"pictures cannot be kept in {folder}: {error.strerror}; make room there, or name "
            f"another folder in ${FOLDER_VARIABLE}"
        ) from error
    # Last, and so not with `upload_artifact`, which lists a file before it is written:
    # optuna-dashboard can neither show nor delete a study that lists a missing file.
    meta = ArtifactMeta(key, name, "image/webp", None)
    trial.storage.set_trial_system_attr(
        trial._trial_id, ARTIFACTS_ATTR_PREFIX + key, json.dumps(asdict(meta))
    )
