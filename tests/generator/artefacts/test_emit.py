"""From tasks to outcomes, with made-up studies and a search that measures nothing."""

from __future__ import annotations

from hashlib import sha256

import pytest

from generator.artefacts.artefact import Kind
from generator.tasks.task import Task
from generator.tasks.task_files import Unparsed
from storage.database.opening import Store
from storage.database.scripts import read_scripts
from tests.generator.artefacts.made_emitters import MakeEmitter, make_study, make_task
from tests.made_records import changed


def test_a_script_is_written_and_recorded_with_its_task(
    make_emitter: MakeEmitter, store: Store
) -> None:
    outcome = make_emitter(make_study((2.0, 0.01), (1.5, 0.0))).emit(make_task(1.2))
    assert (outcome.status, outcome.difficulty) == ("emitted", "easy")
    assert outcome.path is not None and outcome.chosen is not None
    [record] = read_scripts(store.engine, sha256(outcome.path.read_bytes()).hexdigest())
    assert (record.task, record.trial, record.path) == ("1.2x", 0, str(outcome.path))
    assert record.study == outcome.chosen.study.name


def test_tasks_that_choose_one_trial_share_its_script(
    make_emitter: MakeEmitter, store: Store
) -> None:
    emitter = make_emitter(make_study((2.0, 0.01)))
    first, second = emitter.emit(make_task(1.2)), emitter.emit(make_task(1.3))
    assert first.path == second.path
    assert first.path is not None
    records = read_scripts(store.engine, sha256(first.path.read_bytes()).hexdigest())
    assert [record.task for record in records] == ["1.2x", "1.3x"]


def test_what_was_written_reaches_no_script(make_emitter: MakeEmitter) -> None:
    outcome = make_emitter(make_study((2.0, 0.01))).emit(make_task(1.2, text="import os # 坏"))
    assert outcome.path is not None
    assert not {"坏", "import os"} & set(outcome.path.read_text().splitlines())
    assert "坏" not in outcome.path.read_text()


def test_what_is_no_task_keeps_its_reason(make_emitter: MakeEmitter) -> None:
    outcome = make_emitter().emit(Unparsed("SD9", '"SD9" is not known'))
    assert (outcome.status, outcome.task, outcome.reason) == (
        "unparsed", "SD9", '"SD9" is not known',
    )  # fmt: skip


def test_beyond_the_bound_the_nearest_point_is_told_and_nothing_is_searched(
    make_emitter: MakeEmitter,
) -> None:
    emitter = make_emitter(make_study((2.0, 0.01), (3.0, 0.5)), search_missing=True)
    outcome = emitter.emit(make_task(2.5))
    assert (outcome.status, outcome.difficulty) == ("infeasible", "hard")
    assert "beyond the bound, trial 0 with 2.00x" in outcome.reason
    nearest = outcome.as_json()
    assert (nearest["trial"], nearest["speedup"], nearest["path"]) == (0, 2.0, None)


def test_a_task_without_a_speedup_wants_a_pipeline_that_is_no_slower(
    make_emitter: MakeEmitter,
) -> None:
    outcome = make_emitter(make_study((0.8, 0.01))).emit(make_task(None))
    assert outcome.status == "infeasible"
    assert "asks for more than 1x with loss at most 10%" in outcome.reason


def test_what_is_met_by_mean_alone_is_infeasible_by_interval(make_emitter: MakeEmitter) -> None:
    outcome = make_emitter(make_study((2.0, 0.01))).emit(make_task(1.95))
    assert outcome.status == "infeasible"
    assert "no point is sure to meet that; the nearest is trial 0" in outcome.reason
    assert "--search-missing" in outcome.reason


def test_a_study_that_makes_no_script_fails_its_task_alone(make_emitter: MakeEmitter) -> None:
    study = changed(make_study((2.0, 0.01)), scheduler_settings={"two\nlines": False})
    outcome = make_emitter(study).emit(make_task(1.2))
    assert outcome.status == "failed"
    assert "\n" not in outcome.reason


def test_of_several_studies_the_one_taken_is_told(make_emitter: MakeEmitter) -> None:
    few = make_study((2.0, 0.01), num_samples=8)
    many = make_study((1.8, 0.01), num_samples=64, digest="ffffffff")
    outcome = make_emitter(few, many).emit(make_task(1.2))
    assert outcome.chosen is not None and outcome.chosen.study is many
    assert "of 2 studies" in outcome.reason and "64 prompts" in outcome.reason


def test_defaults_that_a_task_took_are_told(make_emitter: MakeEmitter) -> None:
    outcome = make_emitter(make_study((2.0, 0.01))).emit(make_task(1.2, notes=("no steps given",)))
    assert outcome.reason.startswith("no steps given; ")


def test_json_has_exactly_the_fields_of_the_interface(make_emitter: MakeEmitter) -> None:
    emitter = make_emitter(make_study((2.0, 0.01)))
    for outcome in (emitter.emit(make_task(1.2)), emitter.emit(Unparsed("a", "b"))):
        assert outcome.as_json().keys() == {
            "task", "status", "reason", "difficulty", "study", "trial", "model", "path",
            "speedup", "clip_loss", "chance_inside", "latency_s", "batch_size", "judged_speedup",
            "judged_speedup_ci", "judged_latency_s", "judged_clip_loss", "judged_clip_loss_ci",
        }  # fmt: skip


def test_json_has_the_figures_that_a_front_has(make_emitter: MakeEmitter) -> None:
    study = make_study((2.0, 0.01))
    [point] = study.as_json()["front"]
    told = make_emitter(study).emit(make_task(1.2)).as_json()
    judged = {name: value for name, value in point.items() if name.startswith("judged_")}
    assert len(judged) >= 5 and judged.items() <= told.items()


def test_json_tells_the_other_two_speedups_where_they_are_known(make_emitter: MakeEmitter) -> None:
    study = make_study((3.2, 0.0), (4.0, 0.0), (6.4, 0.0))
    leaves_out = ((), ("fewer_steps",), ("deepcache",))
    trials = [
        changed(trial, measurement=changed(trial.measurement, lossy_methods=methods))
        for trial, methods in zip(study.trials, leaves_out, strict=True)
    ]
    told = make_emitter(changed(study, trials=trials)).emit(make_task(5.0)).as_json()
    assert (told["trial"], told["lossless_speedup"], told["fewer_steps_speedup"]) == (2, 2.0, 4.0)


def make_latency_task(seconds: float) -> Task:
    return make_task(1.0).model_copy(update={"speedup": None, "latency_s": seconds})


def test_seconds_per_image_are_those_of_a_picture_drawn_alone(make_emitter: MakeEmitter) -> None:
    eight = make_study((5.0, 0.01), digest="88888888", batch_size=8, num_samples=64)
    alone = make_study((2.0, 0.01), digest="11111111", batch_size=1, num_samples=8)

    outcome = make_emitter(eight).emit(make_latency_task(0.6))
    assert (outcome.status, outcome.path) == ("not-searched", None)
    assert "the study timed batches of 8" in outcome.reason and outcome.command

    chosen = make_emitter(eight, alone).emit(make_latency_task(0.6)).chosen
    assert chosen is not None and chosen.study.name == alone.name

    beyond = make_emitter(eight, alone).emit(make_latency_task(0.25))
    assert beyond.status == "infeasible"
    assert "0.5 s per image drawn one at a time" in beyond.reason


@pytest.mark.parametrize(
    ("kind", "draws"),
    [
        ("script", "the script draws one prompt alone, several in such batches"),
        ("module", "the module draws as many at a time as its caller asks for"),
        ("json", "a pipeline with the point draws as many as its caller asks for"),
        ("service", "the service draws at most as many at a time on a GPU, and one on a CPU"),
    ],
)
def test_how_each_artefact_draws_is_told_beside_batches(
    make_emitter: MakeEmitter, kind: Kind, draws: str
) -> None:
    outcome = make_emitter(make_study((2.0, 0.01), batch_size=8), kind=kind).emit(make_task(1.2))
    assert f"0.5 s per image in batches of 8, and {draws}" in outcome.reason
    assert ("script" in outcome.reason) == (kind == "script")


def test_an_answer_names_how_many_pictures_were_timed_together(make_emitter: MakeEmitter) -> None:
    outcome = make_emitter(make_study((2.0, 0.01), batch_size=8)).emit(make_task(1.2))
    assert "0.5 s per image in batches of 8, and the script draws one prompt" in outcome.reason
    assert (outcome.as_json()["latency_s"], outcome.as_json()["batch_size"]) == (0.5, 8)
    assert outcome.path is not None
    assert "0.5 s a picture in batches of 8, " in outcome.path.read_text()

    alone = make_emitter(make_study((2.0, 0.01), batch_size=1)).emit(make_task(1.2))
    assert "0.5 s per image drawn one at a time" in alone.reason
    assert alone.path is not None and "0.5 s a picture drawn alone, " in alone.path.read_text()
