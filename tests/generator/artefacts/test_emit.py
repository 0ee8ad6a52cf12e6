"""From tasks to outcomes, with made-up studies and a search that measures nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from accel_space.errors import RefusedError
from generator.artefacts.emit import Emitter
from generator.choice import Rules, Scope
from generator.tasks.task import Task
from generator.tasks.task_files import Unparsed
from objectives.errors import InputError
from storage.database.opening import Store, open_store
from storage.database.scripts import read_scripts
from storage.errors import StorageError
from storage.records.environment import Environment
from storage.records.study import StudyRecord
from tests.generator.made_trials import made_study

POINT = {"cache_interval": 3, "cache_branch_id": 0}


def make_study(
    *points: tuple[float, float], device: str = "a CPU", digest: str = "0a1b2c3d", **protocol: Any
) -> StudyRecord:
    """A study of DeepCache; each point is a speedup and a loss, of narrow intervals."""
    study, trial = made_study("tiny-shapes", ["deepcache"], POINT, **protocol)
    trials = [
        replace(
            trial,
            number=number,
            speedup=speedup,
            clip_loss=loss,
            measurement={
                "speedup_ci": [speedup - 0.1, speedup + 0.1],
                "clip_loss_ci": [loss - 0.01, loss + 0.01],
                "latency_s": 1 / speedup,
                "latency_ci_s": [1 / (speedup + 0.1), 1 / (speedup - 0.1)],
                "baseline_latency_s": 1.0,
            },
        )
        for number, (speedup, loss) in enumerate(points)
    ]
    name = study.name.replace("0a1b2c3d", digest)
    # All there is to measure.
    space = study.space.model_copy(update={"distinct": len(points)})
    environment = Environment(device=device, versions={})
    return replace(study, name=name, environment=environment, trials=trials, space=space)


def make_task(speedup: float | None, loss_budget: float = 0.1, **changes: Any) -> Task:
    given = {"pipeline": "tiny-shapes", "methods": ("deepcache",), "text": f"{speedup}x"} | changes
    return Task(speedup=speedup, loss_budget=loss_budget, **given)


@dataclass
class FoundAt:
    """A search that finds what it is told to, or fails with it, and counts its tasks."""

    found: StudyRecord | Exception | type[BaseException]
    tasks: list[Task] = field(default_factory=list)

    def run(self, task: Task) -> StudyRecord:
        self.tasks.append(task)
        if isinstance(self.found, StudyRecord):
            return self.found
        raise self.found

    def command(self, task: Task) -> str:
        return f"accelfront study --req-speedup {task.speedup}"

    def onward(self, study: StudyRecord) -> str:
        return f"accelfront study --trials 16 # {study.name}"


NOT_ASKED = FoundAt(AssertionError("nothing was to be searched"))

MakeEmitter = Callable[..., Emitter]


def put(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/a.db", create=True)
    yield store
    store.engine.dispose()


@pytest.fixture
def make_emitter(store: Store, tmp_path: Path) -> MakeEmitter:
    def make(*studies: StudyRecord, search: FoundAt | None = None, **changes: Any) -> Emitter:
        emitter = Emitter(
            store=store,
            studies={study.name: study for study in studies},
            scope=Scope(re.compile("a CPU")),
            rules=Rules(),
            search=search or NOT_ASKED,
            put=put,
            out=tmp_path,
            search_missing=search is not None,
        )
        return replace(emitter, **changes)

    return make


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
    assert "beyond the bound, which is trial 0 with 2.00x" in outcome.reason
    nearest = outcome.as_json()
    assert (nearest["trial"], nearest["speedup"], nearest["path"]) == (0, 2.0, None)


def test_a_task_without_a_speedup_wants_a_pipeline_that_is_no_slower(
    make_emitter: MakeEmitter,
) -> None:
    outcome = make_emitter(make_study((0.8, 0.01))).emit(make_task(None))
    assert outcome.status == "infeasible"
    assert "1x or more with loss at most 0.1 is wanted" in outcome.reason


def test_what_is_met_by_mean_alone_is_infeasible_by_interval(make_emitter: MakeEmitter) -> None:
    outcome = make_emitter(make_study((2.0, 0.01))).emit(make_task(1.95))
    assert outcome.status == "infeasible"
    assert "no point meets it with its whole interval, the nearest is trial 0" in outcome.reason
    assert "--search-missing" in outcome.reason


@pytest.mark.parametrize("wanted", [1.95, 2.5, 50.0])
def test_what_is_not_reached_by_few_points_of_many_is_not_infeasible(
    make_emitter: MakeEmitter, wanted: float
) -> None:
    begun = make_study((2.0, 0.01), (1.5, 0.3))
    begun = replace(begun, space=begun.space.model_copy(update={"distinct": 16}))
    outcome = make_emitter(begun).emit(make_task(wanted))
    assert outcome.status == "not-searched"
    assert outcome.reason.startswith("not reached yet, 2 of 16 points measured: ")
    assert "bound" not in outcome.reason
    assert outcome.command == f"accelfront study --trials 16 # {begun.name}"

    search = FoundAt(make_study((60.0, 0.01)))
    emitter = make_emitter(begun, search=search, search_missing=True)
    assert emitter.emit(make_task(wanted)).status == "emitted"

    # Points that were given up were looked at.
    looked = replace(begun, states={"complete": 2, "pruned": 6})
    assert make_emitter(looked).emit(make_task(50)).status == "infeasible"


def test_what_was_not_searched_is_told_with_the_command(make_emitter: MakeEmitter) -> None:
    outcome = make_emitter(make_study((2.0, 0.01))).emit(make_task(1.2, steps=21))
    assert outcome.status == "not-searched"
    assert outcome.command == "accelfront study --req-speedup 1.2"
    assert outcome.as_json()["reason"].endswith(outcome.command)


def test_a_study_without_points_is_no_study(make_emitter: MakeEmitter) -> None:
    assert make_emitter(make_study()).emit(make_task(1.2)).status == "not-searched"


def test_a_study_of_another_device_is_offered_and_not_used(make_emitter: MakeEmitter) -> None:
    outcome = make_emitter(make_study((2.0, 0.01), device="another GPU")).emit(make_task(1.2))
    assert outcome.status == "not-searched"
    assert '--device "another GPU"' in outcome.reason


@pytest.mark.parametrize("known", [(), ((1.5, 0.01),), ((3.0, 0.6),)])
def test_a_missing_study_is_searched_and_the_task_tried_again(
    make_emitter: MakeEmitter, known: tuple[tuple[float, float], ...]
) -> None:
    search = FoundAt(make_study((2.0, 0.01), *known, digest="ffffffff"))
    emitter = make_emitter(make_study(*known), search=search)
    outcome = emitter.emit(make_task(1.45))
    assert outcome.status == "emitted"
    assert outcome.chosen is not None and outcome.chosen.study is search.found
    assert emitter.emit(make_task(1.3, text="again")).status == "emitted"
    assert len(search.tasks) == 1, "what was found serves the next task too"


def test_a_search_without_success_is_infeasible(make_emitter: MakeEmitter) -> None:
    search = FoundAt(make_study((1.4, 0.01)))
    outcome = make_emitter(search=search).emit(make_task(2.0))
    assert outcome.status == "infeasible"
    assert "trial 0 with 1.40x" in outcome.reason
    assert "--search-missing" not in outcome.reason


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("there is no model"), "failed"),
        (StorageError("the database is locked"), "failed"),
        (RuntimeError("CUDA out of memory\nTried to allocate"), "failed"),
        (OSError("the disk is full"), "failed"),
        (RefusedError("DeepCache needs a UNet"), "infeasible"),
    ],
)
def test_a_task_that_fails_never_stops_the_others(
    make_emitter: MakeEmitter, error: Exception, status: str
) -> None:
    emitter = make_emitter(make_study((2.0, 0.01)), search=FoundAt(error))
    outcomes = [emitter.emit(task) for task in (make_task(1.2, steps=21), make_task(1.2))]
    assert [outcome.status for outcome in outcomes] == [status, "emitted"]
    assert outcomes[0].reason == " ".join(str(error).split())


def test_an_interruption_stops_all(make_emitter: MakeEmitter) -> None:
    emitter = make_emitter(search=FoundAt(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        emitter.emit(make_task(1.2))


def test_a_study_that_makes_no_script_fails_its_task_alone(make_emitter: MakeEmitter) -> None:
    study = make_study((2.0, 0.01), prompts="two\nlines", num_samples=0)
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
        assert list(outcome.as_json()) == [
            "task", "status", "reason", "difficulty", "study", "trial", "model", "path",
            "speedup", "clip_loss", "latency_s", "batch_size",
        ]  # fmt: skip


def make_latency_task(seconds: float) -> Task:
    return make_task(1.0).model_copy(update={"speedup": None, "latency_s": seconds})


def test_seconds_per_image_are_those_of_a_picture_drawn_alone(make_emitter: MakeEmitter) -> None:
    eight = make_study((5.0, 0.01), digest="88888888", batch_size=8, num_samples=64)
    alone = make_study((2.0, 0.01), digest="11111111", batch_size=1, num_samples=8)

    outcome = make_emitter(eight).emit(make_latency_task(0.6))
    assert (outcome.status, outcome.path) == ("not-searched", None)
    assert "timed in batches of 8" in outcome.reason and outcome.command

    chosen = make_emitter(eight, alone).emit(make_latency_task(0.6)).chosen
    assert chosen is not None and chosen.study.name == alone.name

    beyond = make_emitter(eight, alone).emit(make_latency_task(0.25))
    assert beyond.status == "infeasible"
    assert "0.5 s per image drawn one at a time" in beyond.reason


def test_an_answer_names_how_many_pictures_were_timed_together(make_emitter: MakeEmitter) -> None:
    outcome = make_emitter(make_study((2.0, 0.01), batch_size=8)).emit(make_task(1.2))
    assert "0.5 s per image in batches of 8, and the script draws one at a time" in outcome.reason
    assert (outcome.as_json()["latency_s"], outcome.as_json()["batch_size"]) == (0.5, 8)
    assert outcome.path is not None
    assert "0.5 s a picture in batches of 8, " in outcome.path.read_text()

    alone = make_emitter(make_study((2.0, 0.01), batch_size=1)).emit(make_task(1.2))
    assert "0.5 s per image drawn one at a time" in alone.reason
    assert alone.path is not None and "0.5 s a picture drawn alone, " in alone.path.read_text()
