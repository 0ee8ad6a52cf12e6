"""Budgets beside that of the loss, as every command takes and obeys them."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import create_trial

from generator.choice import choose
from generator.tasks.task import Task
from storage.database.opening import open_store
from storage.reading.studies import read_studies
from storage.records.budgets import Budgets
from storage.study_store import attributes as keys
from tests.command_line import run
from tests.generator.made_trials import made_study
from tests.made_records import changed
from tests.made_studies import add_point, add_study, measurement_of

GIB = 1024.0


def ssim(loss: float, interval: tuple[float, float] | None) -> dict[str, Any]:
    return {"ssim": {"value": 1 - loss, "loss": loss, "loss_ci": interval, "samples": 8}}


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One study under a memory budget, which its fastest point breaks."""
    url = f"sqlite:///{tmp_path_factory.mktemp('budgets')}/a.db"
    store = open_store(url, create=True)
    study = add_study(store, "deepcache", "tgate")
    points: list[tuple[int, float, float, dict[str, Any]]] = [
        (5, 4.0, 24 * GIB, ssim(0.30, (0.2, 0.4))),
        (4, 3.0, 18 * GIB, ssim(0.20, (0.1, 0.3))),
        (3, 2.0, 16 * GIB, ssim(0.10, (0.08, 0.12))),
        (2, 1.5, 14 * GIB, ssim(0.05, None)),
    ]
    for interval, speedup, memory, metrics in points:
        add_point(
            study,
            {"cache_interval": interval, "warm_up": 2},
            (speedup, speedup - 0.01, speedup + 0.01),
            (0.004 * speedup, 0.0, 0.019),
            peak_memory_mib=memory,
            metrics=metrics,
        )
    study.set_user_attr(keys.BUDGETS, {"memory_mib": 20 * GIB})
    store.engine.dispose()
    return url


def answered(*arguments: str) -> Any:
    answer = run(*arguments, "--json")
    assert answer.returncode == 0, answer.stderr
    [study] = json.loads(answer.stdout)
    return study


def test_the_front_leaves_out_what_breaks_a_budget_and_says_so(storage: str) -> None:
    study = answered("front", "--storage", storage)
    assert [point["speedup"] for point in study["front"]] == [3.0, 2.0, 1.5]
    assert study["ruled_out"] == [0]
    assert study["budgets"] == {"clip_loss": 0.02, "memory_mib": 20 * GIB}
    assert study["front"][0]["peak_memory_mib"] == 18 * GIB
    assert study["front"][0]["metrics"]["ssim"]["loss"] == 0.2
    told = " ".join(run("front", "--storage", storage).stdout.split())
    assert "left out: 1 point with peak memory above 20 GiB" in told


@pytest.mark.parametrize(
    ("budgets", "bound"),
    [
        ([], 3.0),
        (["memory=none"], 4.0),
        (["memory=17GiB"], 2.0),
        (["ssim=15%"], 2.0),
        (["ssim=15%", "memory=15GiB"], 1.5),
        (["ssim=1%"], None),
        (["psnr=10%"], None),
    ],
)
def test_the_bound_is_inside_all_budgets(
    storage: str, budgets: list[str], bound: float | None
) -> None:
    options = [word for each in budgets for word in ("--budget", each)]
    found = answered("bounds", "--storage", storage, *options)["bound"]
    assert (found and found["speedup"]) == bound


@pytest.mark.parametrize(
    ("conditions", "chosen"),
    [({"memory_mib": 20 * GIB}, 3.0), ({"ssim": 0.2}, 2.0), ({"ssim": 0.09}, None)],
)
def test_a_choice_keeps_all_budgets_with_its_whole_interval(
    storage: str, conditions: dict[str, float], chosen: float | None
) -> None:
    [stored] = read_studies(open_store(storage))
    study = stored.model_copy(update={"budgets": Budgets(0.5, conditions)})
    task = Task(pipeline="tiny-shapes", methods=("deepcache", "tgate"), speedup=1.2)
    choice = choose([study], task, "fastest")
    assert (choice and choice.trial.speedup) == chosen


def test_a_point_without_an_interval_is_a_row_of_csv(storage: str) -> None:
    for command in (("front", "--csv"), ("export", "--format", "csv")):
        answer = run(*command, "--storage", storage)
        assert answer.returncode == 0, answer.stderr
        rows = list(csv.DictReader(io.StringIO(answer.stdout)))
        assert (rows[-1]["metrics_ssim_loss"], rows[-1]["metrics_ssim_loss_ci_low"]) == ("0.05", "")


@pytest.mark.parametrize("command", ["study", "front", "bounds", "export", "tasks"])
@pytest.mark.parametrize("budget", ["ssim", "lpisp=1%", "ssim=0.9", "memory=20"])
def test_what_is_no_budget_is_bad_usage(command: str, budget: str, storage: str) -> None:
    answer = run(command, "--storage", storage, "--budget", budget)
    assert answer.returncode == 2
    assert len(answer.stderr.strip().splitlines()) == 1, answer.stderr


def test_front_judges_by_other_budgets_and_keeps_none(storage: str) -> None:
    own = answered("front", "--storage", storage)
    assert [point["trial"] for point in own["front"]] == [1, 2, 3]
    tight = answered("front", "--storage", storage, "--budget", "ssim=15%")
    assert [point["trial"] for point in tight["front"]] == [2, 3]
    assert tight["budgets"] == {"clip_loss": 0.02, "memory_mib": 20 * GIB, "ssim": 0.15}
    options = ("--budget", "memory=none", "--budget", "clip_loss=1%")
    loose = answered("front", "--storage", storage, *options)
    assert [point["trial"] for point in loose["front"]] == [0, 1, 2, 3]
    assert (loose["loss_budget"], loose["ruled_out"]) == (0.01, [])
    unknown = answered("front", "--storage", storage, "--budget", "attributes=3%")
    assert (unknown["front"], unknown["ruled_out"]) == ([], [0, 1, 2, 3])
    assert answered("front", "--storage", storage) == own


def test_the_table_shows_the_figure_of_every_budget(storage: str) -> None:
    lines = run("front", "--storage", storage, "--budget", "ssim=25%").stdout.splitlines()
    text = " ".join(" ".join(lines).split())
    # Of 18, 16 and 14 GiB; the last one has no interval.
    for memory, loss in (("18", "20.0% 10..30"), ("16", "10.0% 8.0..12"), ("14", "5.0% ")):
        assert f"peak memory {memory} GiB SSIM loss {loss}" in text
    assert max(len(line) for line in lines if not line.startswith("accelfront ")) <= 80
    assert "SSIM loss" not in run("front", "--storage", storage).stdout


def test_a_task_that_every_point_breaks_is_told_by_how_it_does(storage: str) -> None:
    task = "tiny-shapes, DDIM, 20 steps, DeepCache + T-GATE, memory at most 10 GiB"
    answer = run("generate", task, "--device", "a CPU", "--storage", storage, "--json")
    [told] = json.loads(answer.stdout)
    assert (
        "but every point has peak memory above 10 GiB; the one of least loss is" in (told["reason"])
    )


def test_a_metric_that_was_never_measured_is_told_with_the_command(storage: str) -> None:
    shown = run("front", "--storage", storage, "--budget", "lpips=20%").stdout
    told, command = shown.strip().splitlines()
    name = "tiny-shapes--DDIM--20--deepcache+tgate--0a1b2c3d"
    assert told == f"{name}: no point has its LPIPS loss measured; to measure it:"
    assert command.startswith("accelfront study ") and " --metrics lpips " in command
    bounds = run("bounds", "--storage", storage, "--budget", "lpips=20%")
    assert bounds.stderr.splitlines() == [told, command]
    assert "Nothing to use" not in bounds.stdout
    asked = answered("bounds", "--storage", storage, "--budget", "lpips=20%")
    assert asked["command"] == command


def test_the_loss_that_is_shown_is_that_by_which_the_study_searches(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    study = add_study(open_store(url, create=True), "deepcache")
    made, _ = made_study("tiny-shapes", ["deepcache"], {})
    study.set_user_attr(keys.PROTOCOL, changed(made.protocol, loss="ssim").as_json())
    measured = measurement_of((1.5, 1.4, 1.6), (0.01, 0.0, 0.02))
    kept = changed(measured, metrics=ssim(0.07, (0.06, 0.08)))
    point = {"cache_interval": 2, "cache_branch_id": 0}
    attributes = {keys.POINT: point, keys.MEASUREMENT: kept.as_json()}
    study.add_trial(create_trial(values=[1.5, 0.07], user_attrs=attributes))
    task = "tiny-shapes, DDIM, 20 steps, DeepCache, SSIM loss at most 10%"
    answer = run("generate", task, "--device", "a CPU", "--storage", url, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"^ +#  speedup +SSIM loss +inside ", answer.stdout, re.M)
    assert re.search(r"^ +1 +1\.50x +7\.0% ", answer.stdout, re.M)
