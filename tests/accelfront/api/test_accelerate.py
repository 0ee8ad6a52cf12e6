"""A loaded pipeline accelerated by a measured point."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

import accelfront
from generator.artefacts.point import Point
from objectives.environment import this_environment
from storage.records.study import Space, Study
from tests.accel_space.contract.stacks import make_stack
from tests.accel_space.pipe_state import assert_same_state, pipe_state
from tests.made_records import made_combination, made_point, made_protocol
from tests.tiny_pipelines import GUIDANCE_SCALE, STEPS, draw, tiny_pipeline

POINT: dict[str, int | float] = {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": 0}
GATED: dict[str, int | float] = {"cfg_cutoff.cutoff_step_index": 3}


def trial_of(*methods: str, params: dict[str, int | float], **protocol: Any) -> accelfront.Trial:
    """A trial that was measured here, of SD1.5 at the size that the tiny pipeline draws."""
    from accel_space.applying import find_methods
    from storage.records.budgets import Budgets

    size = {"height": 32, "width": 32}
    fields = {**size, "guidance_scale": GUIDANCE_SCALE, "dtype": "float32", **protocol}
    study = Study(
        name="SD1.5--DDIM--8--made--0a1b2c3d",
        combination=made_combination(*methods, pipeline="SD1.5", steps=STEPS),
        protocol=made_protocol(**fields),
        environment=this_environment(torch.device("cpu"), find_methods(methods)),
        space=Space(distinct=4, grid=4, choices={}),
        budgets=Budgets(0.02),
        trials=[made_point(0, params)],
        states={},
    )
    return accelfront.Trial.of(study, study.trials[0])


@pytest.fixture
def pipe() -> Any:
    return tiny_pipeline("SD1.5")


@pytest.fixture
def trial() -> accelfront.Trial:
    return trial_of("deepcache", params=POINT)


def told_by(call: Callable[[], object]) -> list[str]:
    """What a call warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught if each.category is accelfront.DifferenceWarning]


def expected(pipe: Any) -> torch.Tensor:
    """What the stack draws that the trial measured."""
    stack = make_stack(pipe, ("deepcache",), STEPS)
    with stack.applied(pipe, POINT) as generate:
        return draw(generate, 2)


@pytest.mark.parametrize("given", ["trial", "point", "path", "text"])
def test_a_pipe_draws_as_was_measured_and_undone_as_before(
    pipe: Any, trial: accelfront.Trial, given: str, tmp_path: Path
) -> None:
    path = trial.write(tmp_path / "point.json")
    sources: dict[str, Any] = {
        "trial": trial,
        "point": trial.point,
        "path": path,
        "text": str(path),
    }
    plain, wanted, before = draw(pipe, 2), expected(pipe), pipe_state(pipe)

    undo = accelfront.accelerate(pipe, sources[given])
    pictures = [draw(pipe, 2) for _ in range(2)]
    undo()
    undo()

    assert all(torch.equal(picture, wanted) for picture in pictures)
    assert_same_state(pipe_state(pipe), before)
    assert torch.equal(draw(pipe, 2), plain)


def test_a_block_is_accelerated_and_left_also_by_an_exception(
    pipe: Any, trial: accelfront.Trial
) -> None:
    wanted, before = expected(pipe), pipe_state(pipe)
    with accelfront.accelerated(pipe, trial) as same:
        assert same is pipe
        assert torch.equal(draw(pipe, 2), wanted)
    assert_same_state(pipe_state(pipe), before)
    with pytest.raises(ZeroDivisionError), accelfront.accelerated(pipe, trial):
        raise ZeroDivisionError
    assert_same_state(pipe_state(pipe), before)


def test_what_was_measured_here_warns_of_nothing(pipe: Any, trial: accelfront.Trial) -> None:
    def use() -> None:
        with accelfront.accelerated(pipe, trial):
            pipe("a red circle", output_type="latent", **trial.call)

    assert told_by(use) == []


def test_what_differs_of_the_pipe_is_told_at_once(trial: accelfront.Trial, pipe: Any) -> None:
    other = tiny_pipeline("SD1.5", "DPMSolverMultistepScheduler").to(torch.bfloat16)
    point = trial.point
    versions = {**point.environment.versions, "DeepCache": "0.0.1", "gone": "1"}
    environment = point.environment.model_copy(update={"device": "a GPU", "versions": versions})
    elsewhere = point.model_copy(update={"environment": environment})
    [told] = told_by(lambda: accelfront.accelerate(other, elsewhere)())
    for words in (
        "its scheduler is DPMSolverMultistepScheduler, and DDIMScheduler was measured",
        "its weights are bfloat16, and float32 was measured",
        "and a GPU was measured",
        "DeepCache is 0.1.1, and 0.0.1 was measured",
    ):
        assert words in told
    assert "gone" not in told and "torch" not in told

    chosen = point.model_copy(update={"scheduler_settings": {"timestep_spacing": "trailing"}})
    [told] = told_by(lambda: accelfront.accelerate(pipe, chosen)())
    assert "its scheduler has timestep_spacing='leading', and 'trailing' was measured" in told


def test_what_differs_of_a_call_is_told_once(pipe: Any, trial: accelfront.Trial) -> None:
    undo = accelfront.accelerate(pipe, trial)

    def call(**changes: Any) -> list[str]:
        asked = {**trial.call, "output_type": "latent", **changes}
        return told_by(lambda: pipe("a red circle", **asked))

    assert call(num_inference_steps=9) == [
        "not as it was measured: num_inference_steps is 9, and 8 was measured"
    ]
    assert call(num_inference_steps=9) == []
    assert call(guidance_scale=1.0, width=64) == [
        "not as it was measured: guidance_scale is 1.0, and 5.0 was measured; "
        "width is 64, and 32 was measured"
    ]
    assert call() == []
    undo()


def test_a_call_in_which_the_point_cannot_work_is_refused(pipe: Any) -> None:
    trial = trial_of("cfg_cutoff", params=GATED)
    plain = draw(pipe)
    with accelfront.accelerated(pipe, trial):
        picture = draw(pipe)
        with pytest.raises(accelfront.AccelfrontError, match="guidance_scale 1 is off; use"):
            pipe("a red circle", **{**trial.call, "guidance_scale": 1.0})
        assert torch.equal(draw(pipe), picture)
    fewer = trial_of("fewer_steps", params={"fewer_steps.num_inference_steps": 6})
    with (
        accelfront.accelerated(pipe, fewer),
        pytest.raises(accelfront.AccelfrontError, match="at most the study's 5, not 6"),
    ):
        pipe("a red circle", **{**fewer.call, "num_inference_steps": 5})
    assert torch.equal(draw(pipe), plain)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"num_inference_steps": None}, "num_inference_steps must be a whole number from 1, and"),
        ({"num_inference_steps": "8"}, "num_inference_steps must be a whole number from 1, and '8"),
        (
            {"num_inference_steps": 0},
            "num_inference_steps must be a whole number from 1, and 0",
        ),
        ({"guidance_scale": None}, "guidance_scale must be a number, and None was given"),
        ({"height": "64"}, "height must be a whole number from 1, and '64' was given"),
        ({"width": 65, "height": 60}, "65x60 .width x height. was asked for; give 64x56"),
    ],
)
def test_a_call_that_no_pipe_can_take_is_told(
    pipe: Any, trial: accelfront.Trial, change: dict[str, Any], told: str
) -> None:
    with accelfront.accelerated(pipe, trial), pytest.raises(accelfront.AccelfrontError, match=told):
        pipe("a red circle", **{**trial.call, **change})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"num_inference_steps": 9}, "num_inference_steps must stay 8, and is 9: CFG cutoff ends"),
        ({"timesteps": [900, 500, 100]}, "timesteps must be left out, as they set other steps"),
    ],
)
def test_steps_that_a_method_depends_on_stay(pipe: Any, asked: dict[str, Any], told: str) -> None:
    trial = trial_of("cfg_cutoff", params=GATED)
    with accelfront.accelerated(pipe, trial), pytest.raises(accelfront.AccelfrontError, match=told):
        pipe("a red circle", **{**trial.call, **asked})


def test_what_changes_pictures_and_was_not_measured_is_told(
    pipe: Any, trial: accelfront.Trial
) -> None:
    def call(**asked: Any) -> list[str]:
        return told_by(lambda: pipe("a red circle", **trial.call, **asked, output_type="latent"))

    with accelfront.accelerated(pipe, trial):
        assert call(negative_prompt="ugly", eta=0.5) == [
            "not as it was measured: negative_prompt is given, and none was measured; "
            "eta is 0.5, and 0.0 was measured"
        ]
        assert call(negative_prompt="", guidance_rescale=0.0) == []


def test_a_negative_prompt_for_each_picture_is_that_which_was_measured(pipe: Any) -> None:
    trial = trial_of("deepcache", params=POINT, negative_prompt="a blue circle")

    def call(negative: list[str]) -> list[str]:
        asked = {**trial.call, "negative_prompt": negative, "output_type": "latent"}
        return told_by(lambda: pipe(["a red circle", "a square"], **asked))

    with accelfront.accelerated(pipe, trial):
        assert call(["a blue circle"] * 2) == []
        [told] = call(["a blue circle", "a square"])
    assert "and a blue circle was measured" in told


def test_a_pipe_of_another_class_is_refused(trial: accelfront.Trial) -> None:
    told = "measured in a StableDiffusionPipeline, and this pipe is a StableDiffusionXLPipeline"
    with pytest.raises(accelfront.AccelfrontError, match=told):
        accelfront.accelerate(tiny_pipeline("SDXL"), trial)


def test_a_scheduler_with_which_the_methods_do_not_work_is_refused(trial: accelfront.Trial) -> None:
    pipe = tiny_pipeline("SD1.5", "HeunDiscreteScheduler")
    with pytest.raises(accelfront.AccelfrontError, match="HeunDiscreteScheduler"):
        accelfront.accelerate(pipe, trial)


def test_a_pipe_is_accelerated_once(pipe: Any, trial: accelfront.Trial) -> None:
    with accelfront.accelerated(pipe, trial):
        with pytest.raises(accelfront.AccelfrontError, match="undo that first"):
            accelfront.accelerate(pipe, trial)
        with pytest.raises(accelfront.AccelfrontError, match="undo that first"):
            accelfront.search(pipe, "deepcache", progress=False)


def test_a_pipe_that_shares_an_accelerated_denoiser_is_not_searched(
    pipe: Any, trial: accelfront.Trial, tmp_path: Path
) -> None:
    sharing = StableDiffusionPipeline(**pipe.components)
    database = tmp_path / "a.db"
    with accelfront.accelerated(pipe, trial):
        with pytest.raises(accelfront.AccelfrontError, match="undo that first"):
            accelfront.search(sharing, "deepcache", storage=f"sqlite:///{database}", progress=False)
        with pytest.raises(accelfront.AccelfrontError, match="undo that first"):
            accelfront.accelerate(sharing, trial)
    assert not database.exists()


def test_a_call_that_python_refuses_fails_as_the_pipelines_does(
    pipe: Any, trial: accelfront.Trial
) -> None:
    with accelfront.accelerated(pipe, trial), pytest.raises(TypeError, match="multiple values"):
        pipe("a red circle", prompt="a blue square")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("none.json", "cannot read the point none.json"),
        (None, "a trial or the file of a point is needed, and NoneType was given"),
    ],
)
def test_what_is_no_point_is_told(pipe: Any, given: Any, told: str) -> None:
    with pytest.raises(accelfront.AccelfrontError, match=told):
        accelfront.accelerate(pipe, given)


def test_a_point_keeps_what_its_family_calls_with() -> None:
    assert "use_resolution_binning" not in trial_of("deepcache", params=POINT).call
    point = trial_of("deepcache", params=POINT).point
    combination = point.combination.model_copy(update={"pipeline": "PixArt-alpha"})
    assert isinstance(point, Point)
    dit = accelfront.Trial(
        **{
            **vars(trial_of("deepcache", params=POINT)),
            "point": point.model_copy(update={"combination": combination}),
        }
    )
    assert dit.call["use_resolution_binning"] is False
