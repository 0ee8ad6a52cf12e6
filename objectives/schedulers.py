"""Schedulers by the names that people use."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from accel_space.profile import SchedulerProfile
from objectives.errors import InputError

SCHEDULERS = {
    "DDIM": "DDIMScheduler",
    "DPM-Solver++": "DPMSolverMultistepScheduler",
    "UniPC": "UniPCMultistepScheduler",
}
"""Our names, and diffusers' class of each. Any other scheduler class goes by its own name."""


def scheduler_name(name: str) -> str:
    """The one name of a scheduler that studies are filed under.

    Args:
        name: One of `SCHEDULERS`, or a class name of diffusers with or without `Scheduler`; case
            does not matter.

    Raises:
        InputError: If diffusers has no such scheduler.
    """
    by_class = {cls: ours for ours, cls in SCHEDULERS.items()}
    classes = _classes()
    known = {ours.lower(): ours for ours in SCHEDULERS}
    known |= {cls.lower(): by_class.get(cls, cls) for cls in classes}
    known |= {cls.removesuffix("Scheduler").lower(): by_class.get(cls, cls) for cls in classes}
    found = known.get(name.lower())
    if found is None:
        near = get_close_matches(name.lower(), known, n=1)
        hint = f"did you mean {known[near[0]]}?" if near else "or a class name of diffusers"
        raise InputError(f"unknown scheduler {name!r}; use {', '.join(SCHEDULERS)} ({hint})")
    return found


def make_scheduler(name: str, config: Any) -> Any:
    """Make a scheduler from the configuration of the pipeline's own one.

    Args:
        name: As `scheduler_name` returns it.
        config: `pipe.scheduler.config`, or the contents of scheduler_config.json.

    Raises:
        InputError: If that scheduler does not suit the pipeline's own one.
    """
    import diffusers

    class_name = SCHEDULERS.get(name, name)
    _check_suits(name, class_name, config)
    try:
        return getattr(diffusers, class_name).from_config(config)
    except Exception as error:
        # A scheduler of another family misses arguments, values or libraries, each in its own way.
        raise _unfit(name, error) from error


def scheduler_profile(scheduler: Any, steps: int) -> SchedulerProfile:
    """Describe a scheduler at a number of steps; sets its timesteps, as each generation does.

    Args:
        scheduler: A diffusers scheduler.
        steps: num_inference_steps, at least 1.

    Raises:
        InputError: If the scheduler cannot make so many steps.
    """
    name = type(scheduler).__name__
    try:
        scheduler.set_timesteps(steps)
        order = scheduler.order
    except Exception as error:
        raise _unfit(f"{name} with {steps} steps", error) from error
    return SchedulerProfile(
        name=name,
        order=order,
        timesteps=tuple(float(timestep) for timestep in scheduler.timesteps),
    )


def _check_suits(name: str, class_name: str, config: Any) -> None:
    """Refuse what diffusers does not list as exchangeable with the pipeline's own scheduler.

    One of another kind, such as a flow-matching one, may be made and then fail in the first step.
    """
    import diffusers

    own = config.get("_class_name")
    listed = getattr(getattr(diffusers, own or "", None), "_compatibles", [])
    if listed and class_name not in {own, *listed}:
        names = ", ".join(each.removesuffix("Scheduler") for each in listed)
        raise InputError(f"{name} does not suit this pipeline; with {own} go {names}")


def _unfit(what: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())
    return InputError(f"{what} does not work with this pipeline: {reason}")


def _classes() -> list[str]:
    import diffusers

    return [name for name in dir(diffusers) if name.endswith("Scheduler") and name[0].isupper()]
