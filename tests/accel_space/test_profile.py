from __future__ import annotations

import pytest

from accel_space.profile import SchedulerProfile
from tests.tiny_pipelines import tiny_context, tiny_sd


@pytest.mark.parametrize(
    ("scheduler", "repeats"),
    [
        ("DDIMScheduler", False),
        ("DPMSolverMultistepScheduler", False),
        ("UniPCMultistepScheduler", False),
        ("PNDMScheduler", True),
        ("HeunDiscreteScheduler", True),
    ],
)
def test_schedulers_that_visit_a_timestep_twice_are_told(scheduler: str, repeats: bool) -> None:
    profile = tiny_context(tiny_sd(scheduler), []).scheduler

    assert profile.name == scheduler
    assert profile.repeats_timesteps == repeats


def test_a_repeat_is_found_wherever_it_stands() -> None:
    timesteps = (3.0, 1.0, 2.0, 3.0)
    assert SchedulerProfile("Any", 1, timesteps, lambda _: timesteps).repeats_timesteps
