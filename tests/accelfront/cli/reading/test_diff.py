"""Two studies put side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from optuna.trial import create_trial

from storage.database.opening import open_store
from storage.records.conclusions.difference import difference, ratio
from storage.records.trial import Point
from storage.study_store import attributes as keys
from tests.command_line import Answer, modules_after, run
from tests.made_records import changed
from tests.made_studies import PROTOCOL, add_point, add_study, measurement_of

A, B = "0a1b2c3d", "4e5f6a7b"

SLOWER: Point = {"cache_interval": 2, "warm_up": 1}
ALIKE: Point = {"cache_interval": 3, "warm_up": 1}
FAST: Point = {"cache_interval": 4, "warm_up": 1}
OWN: Point = {"cache_interval": 5, "warm_up": 1}


def add_first(url: str) -> None:
    study = add_study(open_store(url, create=True), "deepcache", digest=A)
    add_point(study, SLOWER, (2.0, 1.9, 2.1), (0.01, 0.0, 0.02))
    add_point(study, ALIKE, (2.2, 2.0, 2.4), (0.03, 0.02, 0.04))
    add_point(study, FAST, (3.0, 2.9, 3.1), (0.1, 0.09, 0.11))


def add_second(url: str) -> None:
    study = add_study(open_store(url, create=True), "deepcache", digest=B)
    environment = {"device": "another CPU", "versions": {"torch": "2.13.0"}}
    study.set_user_attr(keys.ENVIRONMENT, environment)
    add_point(study, ALIKE, (2.3, 2.1, 2.5), (0.06, 0.05, 0.07))
    add_point(study, SLOWER, (1.5, 1.4, 1.6), (0.012, 0.0, 0.024))
    add_point(study, OWN, (3.5, 3.4, 3.6), (0.2, 0.19, 0.21))


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    add_first(url)
    add_second(url)
    return url


def diff(url: str, *arguments: str) -> Answer:
    return run("diff", *arguments, "--storage", url)


def test_json_tells_what_was_done_otherwise_and_which_points_differ(url: str) -> None:
    answer = diff(url, A, B, "--json")
    found = json.loads(answer.stdout)
    assert found["otherwise"] == {
        "device": ["a CPU", "another CPU"],
        "torch": ["2.12.0", "2.13.0"],
    }
    alike, slower = found["points"]
    assert (alike["params"], slower["params"]) == (ALIKE, SLOWER)
    assert (alike["trials"], slower["trials"]) == ([1, 0], [0, 1])
    assert not alike["speedup_ratio"]["differs"]
    assert alike["clip_loss_difference"]["differs"]
    assert alike["clip_loss_difference"]["value"] == pytest.approx(0.03)
    assert slower["speedup_ratio"]["differs"]
    assert slower["speedup_ratio"]["value"] == pytest.approx(0.75)
    assert not slower["clip_loss_difference"]["differs"]
    assert slower["on_front"] == [True, True]
    assert [[point["params"] for point in points] for points in found["alone"]] == [[FAST], [OWN]]


def test_the_screen_counts_the_points_that_differ_and_names_those_of_one_study(url: str) -> None:
    said = " ".join(diff(url, A, B).stdout.split())
    assert "device a CPU another CPU" in said
    assert (
        "Both measured 2 points. Beyond the intervals, B is faster at 0 and slower at 1 of them, "
        "and loses less at 0 and more at 1." in said
    )
    assert "measured in A alone, and on its front: trial 2: 3.00x" in said
    assert "measured in B alone, and on its front: trial 2: 3.50x" in said


def test_the_second_study_may_be_in_another_storage(tmp_path: Path) -> None:
    places = [f"sqlite:///{tmp_path / name}" for name in ("here.db", "there.db")]
    add_first(places[0])
    add_second(places[1])
    assert diff(places[0], A, B).returncode == 2
    answer = diff(places[0], A, B, "--other-storage", places[1], "--json")
    assert [each["device"] for each in json.loads(answer.stdout)["studies"]] == [
        "a CPU",
        "another CPU",
    ]


def test_a_study_is_not_compared_with_itself(url: str) -> None:
    answer = diff(url, A, f"tiny-shapes--DDIM--20--deepcache--{A}")
    assert answer.returncode == 2
    assert answer.stderr.startswith("accelfront: both are tiny-shapes--DDIM--20--deepcache--")
    assert answer.stderr.endswith("; give two studies\n")


def add_by_ssim(url: str, digest: str, loss: float) -> None:
    """A study that searches by SSIM, of one point whose CLIP loss is 1% in every such study."""
    study = add_study(open_store(url, create=True), "deepcache", digest=digest)
    study.set_user_attr(keys.PROTOCOL, changed(PROTOCOL, loss="ssim").as_json())
    ssim = {"value": 1 - loss, "loss": loss, "loss_ci": [loss - 0.01, loss + 0.01], "samples": 32}
    kept = measurement_of((2.0, 1.9, 2.1), (0.01, 0.0, 0.02))
    measured = changed(kept, metrics={"ssim": ssim}).as_json()
    attributes = {keys.POINT: SLOWER, keys.MEASUREMENT: measured}
    study.add_trial(create_trial(values=[2.0, loss], user_attrs=attributes))


def test_studies_are_compared_by_their_own_loss(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    add_by_ssim(url, A, 0.1)
    add_by_ssim(url, B, 0.2)
    [point] = json.loads(diff(url, A, B, "--json").stdout)["points"]
    assert point["loss"] == [0.1, 0.2]
    assert point["loss_difference"]["value"] == pytest.approx(0.1)
    assert point["loss_difference"]["differs"]
    assert not point["clip_loss_difference"]["differs"]
    shown = diff(url, A, B).stdout
    assert "and loses less at 0 and more at 1." in " ".join(shown.split())
    assert "CLIP loss" not in shown
    assert " 20.0% " in shown


def test_studies_of_two_losses_are_not_compared(url: str) -> None:
    add_by_ssim(url, "8c9d0e1f", 0.1)
    answer = diff(url, A, "8c9d0e1f")
    assert answer.returncode == 2
    assert answer.stderr == (
        "accelfront: A searches by CLIP loss and B by SSIM loss; give two studies of one --loss\n"
    )


def add_by_threshold(url: str, digest: str, *thresholds: float) -> None:
    """A study that learned these thresholds, and measured them all."""
    study = add_study(open_store(url, create=True), "first_block_cache", digest=digest)
    name = "first_block_cache.threshold"
    space = {"distinct": 3, "grid": 3, "choices": {name: thresholds}}
    study.set_user_attr(keys.SPACE, space)
    study.set_user_attr(keys.LEARNED, {"first_block_cache": thresholds})
    for place, threshold in enumerate(thresholds, 2):
        loss = 0.01 * place
        add_point(study, {name: threshold}, (place, place - 0.1, place + 0.1), (loss, 0.0, 0.1))


def test_thresholds_that_each_study_learned_are_compared_with_the_nearest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    add_by_threshold(url, A, 0.0483, 0.124, 0.3)
    add_by_threshold(url, B, 0.0485, 0.125, 0.2)
    found = json.loads(diff(url, A, B, "--json").stdout)
    assert [(each["params"], each["other_params"]) for each in found["points"]] == [
        ({"threshold": 0.124}, {"threshold": 0.125}),
        ({"threshold": 0.0483}, {"threshold": 0.0485}),
    ]
    assert [[each["params"] for each in alone] for alone in found["alone"]] == [
        [{"threshold": 0.3}],
        [{"threshold": 0.2}],
    ], "what is far away is another point"
    said = " ".join(diff(url, A, B).stdout.split())
    assert "Both measured 2 points." in said and "threshold=0.124 / " in said
    assert "A / B: each learned this value for itself, and the nearest is compared" in said


def test_it_needs_no_torch(url: str, tmp_path: Path) -> None:
    assert "torch" not in modules_after("diff", A, B, "--storage", url, cwd=tmp_path)


def test_intervals_that_overlap_may_differ_all_the_same() -> None:
    """Errors of 0.1 each are one of 0.141 together, as Zou and Donner have it."""
    near = difference(1.0, (0.9, 1.1), 1.14, (1.04, 1.24))
    far = difference(1.0, (0.9, 1.1), 1.15, (1.05, 1.25))
    assert (near.differs, far.differs) == (False, True)
    assert (far.low, far.high) == pytest.approx((0.15 - 0.02**0.5, 0.15 + 0.02**0.5))


def test_the_ends_that_face_each_other_decide() -> None:
    wide_below = difference(1.0, (0.0, 1.01), 1.1, (1.09, 2.0))
    wide_between = difference(1.0, (0.99, 2.0), 1.1, (0.1, 1.11))
    assert (wide_below.differs, wide_between.differs) == (True, False)


def test_speedups_are_compared_by_their_ratio() -> None:
    found = ratio(1.0, (0.8, 1.25), 2.0, (1.6, 2.5))
    reach = 1.25 ** (2**0.5)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2 / reach, 2 * reach))
