from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest

from storage.database.opening import Store
from storage.reading.export import studies_json, trials_csv
from storage.reading.studies import read_studies
from storage.records.study import Study
from tests.made_studies import PROTOCOL, add_point, add_study


@pytest.fixture
def store(sqlite_url: str, opened: Callable[..., Store]) -> Store:
    """On SQLite alone: what is exported has left the database already."""
    return opened(sqlite_url, create=True)


def fill(store: Store) -> list[Study]:
    """Two studies: one of two points, of which one is dominated, and one of one point."""
    study = add_study(store, "deepcache", "tgate")
    add_point(study, {"cache_interval": 3, "warm_up": 2}, (2.0, 1.9, 2.1), (0.01, 0.0, 0.02))
    add_point(study, {"cache_interval": 2, "warm_up": 2}, (1.5, 1.4, 1.6), (0.03, 0.0, 0.05))
    add_point(add_study(store, "tome"), {"ratio": 0.5}, (1.2, 1.1, 1.3), (-0.01, -0.02, 0.01))
    return read_studies(store)


def test_csv_has_a_row_a_trial_and_a_column_a_parameter(store: Store) -> None:
    rows = list(csv.DictReader(io.StringIO(trials_csv(fill(store)))))
    assert [(row["methods"], row["trial"]) for row in rows] == [
        ("deepcache+tgate", "0"),
        ("deepcache+tgate", "1"),
        ("tome", "0"),
    ]
    assert rows[0] == {
        "study": "tiny-shapes--DDIM--20--deepcache+tgate--0a1b2c3d",
        "pipeline": "tiny-shapes",
        "scheduler": "DDIM",
        "steps": "20",
        "methods": "deepcache+tgate",
        "device": "a CPU",
        "loss_budget": "0.02",
        "trial": "0",
        "speedup": "2.0",
        "speedup_ci_low": "1.9",
        "speedup_ci_high": "2.1",
        "latency_s": "0.5",
        "baseline_latency_s": "1.0",
        "clip_loss": "0.01",
        "clip_loss_ci_low": "0.0",
        "clip_loss_ci_high": "0.02",
        "image_similarity": "0.95",
        "judged_speedup": "2.0",
        "judged_speedup_ci_low": "1.9",
        "judged_speedup_ci_high": "2.1",
        "judged_latency_s": "0.5",
        "judged_clip_loss": "0.01",
        "judged_clip_loss_ci_low": "0.0",
        "judged_clip_loss_ci_high": "0.02",
        "chance_inside": "0.975",
        "cache_interval": "3",
        "warm_up": "2",
        "ratio": "",
    }
    assert (rows[2]["ratio"], rows[2]["cache_interval"]) == ("0.5", "")


def test_json_has_all_points_and_how_they_were_measured(store: Store) -> None:
    records = fill(store)
    written = json.loads(json.dumps(studies_json(records), allow_nan=False))
    assert [len(study["points"]) for study in written] == [2, 1]
    assert [len(study["front"]) for study in written] == [1, 1]
    for study, record in zip(written, records, strict=True):
        assert study["protocol"] == PROTOCOL.as_json()
        assert study["versions"] == {"torch": "2.12.0"}
        shared = json.loads(json.dumps(record.as_json()))
        assert {name: study[name] for name in shared} == shared


def test_a_study_without_points_is_in_the_json_and_has_no_rows(store: Store) -> None:
    add_study(store, "tome")
    [study] = studies_json(read_studies(store))
    assert study["points"] == []
    assert trials_csv(read_studies(store)).strip() == ""
