from __future__ import annotations

import pytest

from objectives.errors import InputError
from objectives.pipelines.schedulers import (
    SCHEDULERS,
    make_scheduler,
    scheduler_name,
    scheduler_profile,
)
from tests.tiny_parts import tiny_scheduler
from tests.tiny_pipelines import tiny_profile, tiny_sd


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("DDIM", "DDIM"),
        ("ddim", "DDIM"),
        ("DDIMScheduler", "DDIM"),
        ("DPM-Solver++", "DPM-Solver++"),
        ("dpm-solver++", "DPM-Solver++"),
        ("DPMSolverMultistep", "DPM-Solver++"),
        ("DPMSolverMultistepScheduler", "DPM-Solver++"),
        ("UniPC", "UniPC"),
        ("UniPCMultistepScheduler", "UniPC"),
        ("unipcmultistep", "UniPC"),
        ("EulerDiscrete", "EulerDiscreteScheduler"),
        ("eulerdiscretescheduler", "EulerDiscreteScheduler"),
    ],
)
def test_scheduler_has_one_name_however_it_is_called(given: str, ours: str) -> None:
    assert scheduler_name(given) == ours


def test_name_of_a_name_is_itself() -> None:
    for name in (*SCHEDULERS, "HeunDiscreteScheduler"):
        assert scheduler_name(name) == name


def test_unknown_scheduler_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match=r"unknown scheduler 'DDIMM'.*did you mean DDIM\?"):
        scheduler_name("DDIMM")
    with pytest.raises(InputError, match=r"did you mean EulerDiscreteScheduler\?"):
        scheduler_name("euler")
    with pytest.raises(InputError, match=r"DDIM, DPM-Solver\+\+, UniPC") as refusal:
        scheduler_name("zzzzqqqq")
    assert "did you mean" not in str(refusal.value)


@pytest.mark.parametrize("name", ["", "Scheduler", "SchedulerMixin", "os", "__name__"])
def test_what_is_no_scheduler_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="unknown scheduler"):
        scheduler_name(name)


@pytest.mark.parametrize("name", ["DDIM", "DPM-Solver++", "UniPC"])
def test_scheduler_keeps_the_betas_of_the_pipeline(name: str) -> None:
    own = tiny_scheduler("PNDMScheduler")
    scheduler = make_scheduler(name, own.config, {})
    assert type(scheduler).__name__ == SCHEDULERS[name]
    assert scheduler.betas.equal(own.betas)
    assert scheduler.config.beta_schedule == "scaled_linear"


def test_scheduler_is_made_from_the_contents_of_a_file_too() -> None:
    own = tiny_scheduler("DDIMScheduler")
    assert make_scheduler("UniPC", dict(own.config), {}).betas.equal(own.betas)


@pytest.mark.parametrize("name", ["VQDiffusionScheduler", "UnCLIPScheduler"])
def test_scheduler_of_another_family_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} does not work with this pipeline") as refusal:
        make_scheduler(scheduler_name(name), tiny_scheduler("DDIMScheduler").config, {})
    assert "\n" not in str(refusal.value)


def test_scheduler_that_diffusers_does_not_list_beside_the_pipelines_own_is_refused() -> None:
    config = {**tiny_scheduler("DDIMScheduler").config, "_class_name": "DDIMScheduler"}
    with pytest.raises(InputError, match="FlowMatchEulerDiscreteScheduler does not suit"):
        make_scheduler("FlowMatchEulerDiscreteScheduler", config, {})
    assert type(make_scheduler("UniPC", config, {})).__name__ == "UniPCMultistepScheduler"


def test_more_steps_than_the_scheduler_was_trained_with_are_refused() -> None:
    with pytest.raises(InputError, match="DDIMScheduler with 1001 steps"):
        scheduler_profile(tiny_scheduler("DDIMScheduler"), 1001, tiny_profile(tiny_sd()))


@pytest.mark.parametrize(
    ("name", "order", "repeats"),
    [
        ("DDIMScheduler", 1, False),
        ("DPMSolverMultistepScheduler", 1, False),
        ("UniPCMultistepScheduler", 1, False),
        ("PNDMScheduler", 1, True),
        ("HeunDiscreteScheduler", 2, True),
    ],
)
def test_profile_tells_order_and_repeated_timesteps(name: str, order: int, repeats: bool) -> None:
    profile = scheduler_profile(tiny_scheduler(name), 8, tiny_profile(tiny_sd()))
    assert (profile.name, profile.order, profile.repeats_timesteps) == (name, order, repeats)


def test_profile_lists_the_timesteps_of_one_generation_in_their_order() -> None:
    profile = scheduler_profile(tiny_scheduler("DDIMScheduler"), 5, tiny_profile(tiny_sd()))
    assert profile.timesteps == (801.0, 601.0, 401.0, 201.0, 1.0)
