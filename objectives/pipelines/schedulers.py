"""Schedulers by the names that people use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import deepcopy
from functools import cache, partial
from inspect import signature
from typing import Any

from accel_space.profile import Profile, SchedulerProfile
from objectives.errors import InputError, reason_of
from objectives.pipelines.families import class_of, family_of
from storage.foreign import shown
from storage.spelling import likely, suggested

SCHEDULERS = {
    "DDIM": "DDIMScheduler",
    "DPM-Solver++": "DPMSolverMultistepScheduler",
    "UniPC": "UniPCMultistepScheduler",
    "FlowMatchEuler": "FlowMatchEulerDiscreteScheduler",
    "FlowMatchHeun": "FlowMatchHeunDiscreteScheduler",
}
"""Our names, and diffusers' class for each. Any other scheduler class goes by its own name."""

SCHEDULER_WORDS: dict[str, tuple[str, ...]] = {
    "DDIM": ("DDIMScheduler",),
    "DPM-Solver++": (
        "DPM++", "DPM++ 2M", "DPM ++", "DPM Solver", "DPM Solver ++", "DPM-Solver++ 2M",
        "DPM++ (2M)", "DPM-Solver++ (2M)", "DPM Solver Multistep", "DPMSolverMultistepScheduler",
    ),
    "UniPC": ("Uni PC", "UniPC Multistep", "UniPCMultistepScheduler"),
    "FlowMatchEuler": (
        "Flow Match Euler", "Flow Matching Euler", "Flow Match Euler Discrete",
        "FlowMatchEulerDiscreteScheduler",
    ),
    "FlowMatchHeun": (
        "Flow Match Heun", "Flow Matching Heun", "Flow Match Heun Discrete",
        "FlowMatchHeunDiscreteScheduler",
    ),
    "DDPMScheduler": ("DDPM",),
    "DDIMParallelScheduler": ("DDIMParallel",),
    "DDPMParallelScheduler": ("DDPMParallel",),
    "DEISMultistepScheduler": ("DEIS", "DEIS Multistep"),
    "DPMSolverSDEScheduler": ("DPM++ SDE", "DPM Solver SDE"),
    "DPMSolverSinglestepScheduler": ("DPM Solver Singlestep",),
    "EDMDPMSolverMultistepScheduler": ("EDMDPMSolverMultistep",),
    "EDMEulerScheduler": ("EDMEuler",),
    "EulerAncestralDiscreteScheduler": ("Euler Ancestral", "Euler Ancestral Discrete"),
    "EulerDiscreteScheduler": ("Euler", "Euler Discrete"),
    "HeunDiscreteScheduler": ("Heun", "Heun Discrete"),
    "IPNDMScheduler": ("IPNDM",),
    "KDPM2AncestralDiscreteScheduler": ("KDPM2AncestralDiscrete",),
    "KDPM2DiscreteScheduler": ("KDPM2Discrete",),
    "LCMScheduler": (),
    "LMSDiscreteScheduler": ("LMS", "LMS Discrete"),
    "PNDMScheduler": ("PNDM",),
    "SASolverScheduler": ("SA Solver",),
    "TCDScheduler": (),
}  # fmt: skip
"""Schedulers as studies name them (all but five by their class), and their names in tasks."""

Settings = dict[str, Any]
"""Arguments of a scheduler: names from `CARRIED`, with numbers, words or truth values."""

REQUIRED = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
    "thresholding",
)
"""What a model was trained for; a scheduler that lacks these draws nothing good."""

CARRIED = (
    *REQUIRED,
    "dynamic_thresholding_ratio",
    "sample_max_value",
    "clip_sample",
    "clip_sample_range",
    "timestep_spacing",
    "steps_offset",
    "set_alpha_to_one",
)
"""Settings that mean the same in every scheduler. All others say how a solver solves."""

DOES_NOT: Settings = {
    "trained_betas": None,
    "rescale_betas_zero_snr": False,
    "thresholding": False,
    "clip_sample": False,
    "timestep_spacing": "linspace",
    "steps_offset": 0,
}
"""What a scheduler does that does not know these names."""


def scheduler_name(name: str) -> str:
    """Return the one name of a scheduler that studies use.

    Args:
        name: One of `SCHEDULERS`, or a class name of diffusers with or without `Scheduler`; case
            does not matter.

    Raises:
        InputError: If diffusers has no such scheduler.
    """
    known = {ours.lower(): ours for ours in SCHEDULERS}
    if name.lower() in known:
        # Without diffusers, which takes seconds to import.
        return known[name.lower()]
    by_class = {cls: ours for ours, cls in SCHEDULERS.items()}
    classes = _classes()
    known |= {cls.lower(): by_class.get(cls, cls) for cls in classes}
    known |= {cls.removesuffix("Scheduler").lower(): by_class.get(cls, cls) for cls in classes}
    found = known.get(name.lower())
    if found is None:
        meant = known.get(likely(name, known) or "")
        hint = suggested(meant, f"use {', '.join(SCHEDULERS)}, or a class name of diffusers")
        raise InputError(f"unknown scheduler {shown(name)}; {hint}")
    return found


def scheduler_settings(name: str, config: Mapping[str, Any], pipeline_class: str) -> Settings:
    """Work out the settings with which a scheduler means what the pipeline's own one means.

    Keys that a configuration leaves out have the default of its own scheduler, as when the pipeline
    is loaded; diffusers would use the new scheduler's default. The pipeline's own scheduler does
    not do what it does not know.

    Args:
        name: As `scheduler_name` returns it.
        config: Contents of the pipeline's scheduler_config.json.
        pipeline_class: Name of the diffusers pipeline class, which may correct the config, and
            whose family may accept only certain schedulers.

    Returns:
        Those of `CARRIED` for which the scheduler would otherwise have another value.

    Raises:
        InputError: If that scheduler does not suit the pipeline's own one.
    """
    suitable = family_of(pipeline_class).schedulers
    if suitable and SCHEDULERS.get(name, name) not in suitable:
        raise _unsuitable(name, suitable)
    made = make_scheduler(name, config, {})
    known = signature(type(made)).parameters
    meant = _meant(config) | dict(class_of(pipeline_class).scheduler)
    lacking = [key for key in meant if key in REQUIRED and key not in known]
    for key in lacking:
        if meant[key] != DOES_NOT.get(key):
            raise InputError(
                f"{name} does not suit this pipeline: it has no {key}, and the pipeline's own "
                f"scheduler has {meant[key]}"
            )
    # Its configuration also keeps keys that it does not know.
    kept = {key: value for key, value in made.config.items() if key in known}
    return {key: value for key, value in meant.items() if key in kept and kept[key] != value}


def make_scheduler(name: str, config: Mapping[str, Any], settings: Settings) -> Any:
    """Make a scheduler from the configuration of the pipeline's own one.

    Args:
        name: As `scheduler_name` returns it.
        config: `pipe.scheduler.config`, or the contents of scheduler_config.json.
        settings: The result of `scheduler_settings`; a script passes the same.

    Raises:
        InputError: If that scheduler does not suit the pipeline's own one.
    """
    import diffusers

    class_name = SCHEDULERS.get(name, name)
    _check_suits(name, class_name, config)
    try:
        return getattr(diffusers, class_name).from_config(config, **settings)
    except Exception as error:
        # A scheduler of another family lacks arguments, values or libraries, each in its own way.
        raise _unfit(name, error) from error


def scheduler_profile(scheduler: Any, steps: int, pipeline: Profile) -> SchedulerProfile:
    """Describe a scheduler at a number of steps, and step it through them once.

    Args:
        scheduler: A diffusers scheduler; it is not changed.
        steps: num_inference_steps, at least 1.
        pipeline: The pipeline that it is for, as its family may choose timesteps by the size.

    Raises:
        InputError: If the scheduler cannot do this many steps.
    """
    name = type(scheduler).__name__
    try:
        own = deepcopy(scheduler)
        profile = SchedulerProfile(
            name=name,
            order=own.order,
            timesteps=_timesteps(own, pipeline, steps),
            timesteps_at=cache(partial(_timesteps, deepcopy(scheduler), pipeline)),
        )
        _step_through(own)
    except Exception as error:
        raise _unfit(f"{name} with {steps} steps", error) from error
    return profile


def scheduler_choices(
    config: Mapping[str, Any], pipeline: Profile, steps: int
) -> dict[str, SchedulerProfile]:
    """Describe the schedulers of `SCHEDULERS` that suit a pipeline, by our names.

    Args:
        config: As in `scheduler_settings`.
        pipeline: The pipeline.
        steps: num_inference_steps.
    """
    found = {}
    for name in SCHEDULERS:
        with suppress(InputError):
            settings = scheduler_settings(name, config, pipeline.pipeline_class)
            scheduler = make_scheduler(name, config, settings)
            found[name] = scheduler_profile(scheduler, steps, pipeline)
    return found


def _timesteps(scheduler: Any, pipeline: Profile, steps: int) -> tuple[float, ...]:
    family_of(pipeline.pipeline_class).set_timesteps(scheduler, steps, pipeline)
    return tuple(float(timestep) for timestep in scheduler.timesteps)


def _meant(config: Mapping[str, Any]) -> Settings:
    """The values of `CARRIED` in a pipeline's own scheduler configuration, explicit or implied."""
    import diffusers

    class_name = config.get("_class_name")
    own = {}
    if class_name in _classes():
        try:
            own = getattr(diffusers, class_name).from_config(config).config
        except Exception as error:
            raise _unfit(f"its own {class_name}", error) from error
    ends_clean = own.get("final_sigmas_type") != "sigma_min"
    said = {**DOES_NOT, "set_alpha_to_one": ends_clean, **own, **config}
    return {key: said[key] for key in CARRIED if key in said}


def _step_through(scheduler: Any) -> None:
    """Make all steps on a tiny latent; raise whatever the scheduler raises."""
    import torch

    # Some draw noise without a generator.
    with torch.random.fork_rng(devices=[]):
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(1, 4, 2, 2, generator=generator)
        # Those of flow matching start from plain noise, and take it as it is.
        sample = noise * getattr(scheduler, "init_noise_sigma", 1)
        for timestep in scheduler.timesteps:
            if hasattr(scheduler, "scale_model_input"):
                scheduler.scale_model_input(sample, timestep)
            sample = scheduler.step(noise, timestep, sample).prev_sample
    if not bool(sample.isfinite().all()):
        raise ArithmeticError("its steps make NaN or infinity")


def _check_suits(name: str, class_name: str, config: Any) -> None:
    """Refuse a class that diffusers does not list as exchangeable with the pipeline's scheduler.

    One of another kind, such as a flow-matching one, may be made and then fail in the first step.
    """
    import diffusers

    own = config.get("_class_name")
    listed = getattr(getattr(diffusers, own or "", None), "_compatibles", [])
    if listed and class_name not in {own, *listed}:
        raise _unsuitable(name, listed)


def _unsuitable(name: str, suitable: Iterable[str]) -> InputError:
    ours = {class_name: name for name, class_name in SCHEDULERS.items()}
    names = [ours.get(each, each.removesuffix("Scheduler")) for each in sorted(suitable)]
    one_of = "one of " if len(names) > 1 else ""
    return InputError(f"{name} does not suit this pipeline; give {one_of}{', '.join(names)}")


def _unfit(what: str, error: Exception) -> InputError:
    return InputError(f"{what} does not work with this pipeline: {reason_of(error)}")


@cache
def _classes() -> tuple[str, ...]:
    import diffusers

    names = dir(diffusers)
    return tuple(name for name in names if name.endswith("Scheduler") and name[0].isupper())
