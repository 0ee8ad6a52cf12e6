"""What earlier releases kept is read into records, and written back as it was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage.records.combination import StudyName
from storage.records.measurement import Measurement, Remeasured
from storage.records.protocol import study_digest
from storage.records.study import StudyAttributes
from storage.study_store.attributes import MEASUREMENT, STUDY_KEYS

DATABASES = sorted((Path(__file__).parents[2] / "golden" / "databases").glob("*.sql"))

STUDIES = "SELECT study_name, key, value_json FROM study_user_attributes NATURAL JOIN studies"

TRIALS = "SELECT value_json FROM trial_user_attributes WHERE key = ?"


@pytest.fixture(params=DATABASES, ids=lambda path: path.stem)
def database(request: pytest.FixtureRequest) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(request.param.read_text())
        yield connection


def kept_studies(database: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    """The attributes of each study, by its name."""
    found: dict[str, dict[str, Any]] = {}
    for name, key, text in database.execute(STUDIES):
        if key in STUDY_KEYS:
            found.setdefault(name, {})[key] = json.loads(text)
    return found


def test_attributes_of_studies_are_written_back_as_they_were(database: sqlite3.Connection) -> None:
    studies = kept_studies(database)
    assert studies
    for kept in studies.values():
        assert StudyAttributes.model_validate(kept).as_json() == kept


def test_measurements_are_written_back_as_they_were(database: sqlite3.Connection) -> None:
    texts = [text for [text] in database.execute(TRIALS, [MEASUREMENT])]
    assert texts
    for text in texts:
        kept = json.loads(text)
        kind = Remeasured if "look" in kept else Measurement
        assert kind.model_validate_json(text).as_json() == kept
        assert kind.model_validate(kept) == kind.model_validate_json(text)


def test_names_of_studies_are_those_that_their_records_have(database: sqlite3.Connection) -> None:
    for name, kept in kept_studies(database).items():
        attributes = StudyAttributes.model_validate(kept)
        combination, digest = StudyName.read(name)
        assert combination == attributes.combination
        if "prompts_seed" in kept["protocol"]:
            device, settings = attributes.environment.device, attributes.scheduler_settings
            assert digest == study_digest(attributes.protocol, device, settings)
