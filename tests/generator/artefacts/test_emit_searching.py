"""Tasks that no study has searched for yet."""

from __future__ import annotations

import pytest

from accel_space.errors import RefusedError
from generator.notes import unmeasured_text
from objectives.errors import InputError
from storage.errors import StorageError
from tests.generator.artefacts.made_emitters import FoundAt, MakeEmitter, make_study, make_task
from tests.made_records import changed


@pytest.mark.parametrize("wanted", [1.95, 2.5, 50.0])
def test_what_is_not_reached_by_few_points_of_many_is_not_infeasible(
    make_emitter: MakeEmitter, wanted: float
) -> None:
    begun = make_study((2.0, 0.01), (1.5, 0.3))
    begun = changed(begun, space=begun.space.model_copy(update={"distinct": 16}))
    outcome = make_emitter(begun).emit(make_task(wanted))
    assert outcome.status == "not-searched"
    assert outcome.reason.startswith("not reached yet, 2 of 16 points measured: ")
    assert outcome.reason.count("2 of 16 points") == 1
    assert "bound" not in outcome.reason
    assert outcome.command == f"accelfront study --trials 16 # {begun.name}"

    search = FoundAt(make_study((60.0, 0.01)))
    emitter = make_emitter(begun, search=search, search_missing=True)
    assert emitter.emit(make_task(wanted)).status == "emitted"

    # Points that were given up were looked at.
    looked = changed(begun, states={"complete": 2, "pruned": 6})
    assert make_emitter(looked).emit(make_task(50)).status == "infeasible"


@pytest.mark.parametrize(
    ("limits", "lacks", "gained"),
    [
        ({"lpips": 0.15}, "LPIPS loss", " --metrics lpips"),
        ({"lpips": 0.15, "memory_mib": 2048.0}, "LPIPS loss and peak memory", " --metrics lpips"),
        ({"memory_mib": 2048.0}, "peak memory", ""),
    ],
)
def test_a_metric_that_a_study_lacks_is_named_and_comes_into_the_command(
    make_emitter: MakeEmitter, limits: dict[str, float], lacks: str, gained: str
) -> None:
    begun = make_study((2.0, 0.01), (1.5, 0.3))
    begun = changed(begun, space=begun.space.model_copy(update={"distinct": 16}))
    outcome = make_emitter(begun).emit(make_task(1.2, budgets=tuple(limits.items())))
    assert outcome.status == "not-searched"
    assert f"no point has its {lacks} measured" in outcome.reason
    assert outcome.command == f"accelfront study --trials 16{gained} # {begun.name}"


def test_memory_that_no_study_of_a_cpu_will_measure_is_told_as_that() -> None:
    study = make_study((2.0, 0.01))
    told = "no point has its peak memory measured"
    assert unmeasured_text(study, ["memory_mib"]) == told
    cpu = changed(study.environment, device="AMD EPYC (2 threads)")
    on_cpu = changed(study, environment=cpu)
    why = ", as memory is measured on GPUs alone"
    assert unmeasured_text(on_cpu, ["memory_mib"]) == told + why
    assert unmeasured_text(on_cpu, ["lpips"]) == "no point has its LPIPS loss measured"


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


def test_a_study_that_would_be_refused_is_not_offered(make_emitter: MakeEmitter) -> None:
    refused = FoundAt(AssertionError(), refusal=RefusedError("it needs a GPU"))
    nowhere = make_emitter(make_study(), search=refused, search_missing=False).emit(make_task(1.2))
    assert (nowhere.status, nowhere.reason, nowhere.command) == ("infeasible", "it needs a GPU", "")
    measured = make_study((2.0, 0.01), device="another GPU")
    elsewhere = make_emitter(measured, search=refused, search_missing=False).emit(make_task(1.2))
    assert elsewhere.status == "not-searched" and elsewhere.command == ""
    assert elsewhere.reason.endswith('--device "another GPU" uses it; it needs a GPU')


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
