from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import pytest
from pydantic import ValidationError

from storage.records.measurement import Measurement, Remeasured
from tests.made_records import changed, made_measurement


def test_what_earlier_releases_did_not_keep_has_a_default() -> None:
    kept = made_measurement().as_json()
    measured = Measurement.model_validate(kept)
    assert (measured.gpu_bound, measured.hits, measured.disturbed) == (None, None, ())
    assert (measured.warmup_s, measured.lossy_methods) == (None, None)
    assert measured.metrics == {}
    assert measured.as_json() == kept


def test_fields_of_later_releases_stay() -> None:
    kept = made_measurement().as_json() | {"later_s": [1.5, 0.1]}
    assert Measurement.model_validate_json(json.dumps(kept)).as_json() == kept


@pytest.mark.parametrize("lossy", [[], ["deepcache"]])
def test_its_warm_up_and_its_lossy_methods_are_read_back_as_kept(lossy: list[str]) -> None:
    kept = made_measurement().as_json() | {"warmup_s": 41.5, "lossy_methods": lossy}
    measured = Measurement.model_validate_json(json.dumps(kept))
    assert measured.as_json() == kept
    assert (measured.warmup_s, measured.lossy_methods) == (41.5, tuple(lossy))


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        ({"disturbed": ["busy"], "device_shared": True}, ("busy",)),
        ({"device_shared": True}, ("shared",)),
        ({"disturbed": []}, ()),
    ],
)
def test_what_disturbed_it_is_the_gpu_alone_where_no_more_was_kept(
    kept: dict[str, Any], found: tuple[str, ...]
) -> None:
    assert made_measurement(**kept).disturbances == found


def test_equal_pictures_have_an_infinite_psnr_in_json_too() -> None:
    text = json.dumps(made_measurement(psnr_db=inf).as_json())
    assert Measurement.model_validate_json(text).psnr_db == inf


@pytest.mark.parametrize(
    "wrong",
    [
        {"speedup": 0.0},
        {"speedup": "2"},
        {"speedup": 1e300},
        {"speedup_ci": [1.0]},
        {"speedup_ci": [1.0, nan]},
        {"clip_loss": inf},
        {"latencies_s": [0.1, -0.1]},
        {"latencies_s": "0.1"},
        {"samples": 2.5},
        {"stopped_early": 1},
        {"disturbed": "busy"},
        {"warmup_s": nan},
        {"lossy_methods": "deepcache"},
        {"seconds": {"generate": "long"}},
        {"metrics": {"ssim": {"value": 0.9}}},
    ],
    ids=str,
)
def test_what_is_no_measurement_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        changed(made_measurement(), **wrong)
    with pytest.raises(ValidationError):
        Measurement.model_validate_json(json.dumps(made_measurement().as_json() | wrong))


def test_only_a_remeasurement_says_why_it_was_made() -> None:
    kept = made_measurement().as_json()
    assert Remeasured.model_validate(kept | {"look": "confirmed"}).look == "confirmed"
    for wrong in (kept, kept | {"look": "again"}):
        with pytest.raises(ValidationError):
            Remeasured.model_validate(wrong)


def test_a_changed_one_is_another() -> None:
    measured = made_measurement()
    assert changed(measured, samples=9) != measured == changed(measured)
    with pytest.raises(ValidationError):
        measured.samples = 9
