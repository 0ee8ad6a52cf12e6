"""Over the configurations of real models: every scheduler means what the model's own one means."""

from __future__ import annotations

import inspect
import re
from itertools import product
from math import exp
from typing import Any

import diffusers
import pytest

from accel_space.profile import Profile
from objectives.errors import InputError
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.schedulers import (
    CARRIED,
    SCHEDULERS,
    make_scheduler,
    scheduler_name,
    scheduler_profile,
    scheduler_settings,
)
from tests.tiers.covering import covering

FLOW_MATCHING = ("FlowMatchEuler", "FlowMatchHeun")

USUAL = [name for name in SCHEDULERS if name not in FLOW_MATCHING]

OFFERED = sorted(
    {*(SCHEDULERS[name] for name in USUAL), *diffusers.DDIMScheduler._compatibles}
    - {"DPMSolverSDEScheduler"}
)
"""All that any pipeline takes that is trained to predict noise; the one left out needs a library of
its own."""

PREDICTING_NOISE = [
    name for name, entry in PIPELINES.items() if entry.usual_scheduler not in FLOW_MATCHING
]

SOLVERS_OWN = {
    "algorithm_type",
    "disable_corrector",
    "euler_at_final",
    "final_sigmas_type",
    "flow_shift",
    "interpolation_type",
    "lambda_min_clipped",
    "lower_order_final",
    "predict_x0",
    "rho",
    "shift_terminal",
    "sigma_data",
    "sigma_max",
    "sigma_min",
    "sigma_schedule",
    "skip_prk_steps",
    "solver_order",
    "solver_p",
    "solver_type",
    "time_shift_type",
    "timestep_type",
    "use_beta_sigmas",
    "use_dynamic_shifting",
    "use_exponential_sigmas",
    "use_flow_sigmas",
    "use_karras_sigmas",
    "use_lu_lambdas",
    "variance_type",
}
"""What a solver may have its own default of. A name in neither list is new: find out what it is."""


def made_as_in_a_trial(pipeline: str, wanted: str) -> tuple[Any, Any]:
    """A pipeline's own scheduler, and the wanted one, made as plan and trial make it."""
    entry = PIPELINES[pipeline]
    config = entry.architecture.scheduler
    own = getattr(diffusers, config["_class_name"]).from_config(config)
    name = scheduler_name(wanted)
    settings = scheduler_settings(name, config, entry.pipeline_class)
    return own, make_scheduler(name, own.config, settings)


def profile_of(pipeline: str) -> Profile:
    architecture = PIPELINES[pipeline].architecture
    return architecture.profile(*architecture.native_size)


def test_every_argument_of_every_scheduler_is_carried_or_the_solvers_own() -> None:
    for wanted in OFFERED:
        known = set(inspect.signature(getattr(diffusers, wanted)).parameters)
        assert known <= {*CARRIED, *SOLVERS_OWN}, wanted


@pytest.mark.parametrize(
    ("pipeline", "wanted"),
    covering(product(PREDICTING_NOISE, OFFERED), lambda *values: values),
)
def test_no_scheduler_fills_in_a_default_against_the_models_own(pipeline: str, wanted: str) -> None:
    try:
        own, made = made_as_in_a_trial(pipeline, wanted)
    except InputError as refusal:
        # It knows no betas.
        assert wanted == "EDMEulerScheduler", refusal
        return
    for key in CARRIED:
        if key in made.config and key in own.config:
            assert made.config[key] == own.config[key], key
    # All draw latents, which have no bounds.
    assert not made.config.get("clip_sample", False)
    assert not made.config.get("thresholding", False)
    # Where the own one ends at the clean sample, so does this one.
    if own.config.get("final_sigmas_type") == "zero" and "set_alpha_to_one" not in own.config:
        assert made.config.get("set_alpha_to_one", True)
    assert scheduler_profile(made, 20, profile_of(pipeline)).timesteps


@pytest.mark.parametrize("wanted", [*USUAL, "EulerDiscreteScheduler", *FLOW_MATCHING])
@pytest.mark.parametrize("pipeline", sorted(PIPELINES.keys() - PREDICTING_NOISE))
def test_flow_matching_takes_its_own_schedulers_alone(pipeline: str, wanted: str) -> None:
    is_sd3 = PIPELINES[pipeline].pipeline_class == "StableDiffusion3Pipeline"
    takes = {"FlowMatchEuler", "FlowMatchHeun" if is_sd3 else ""}
    if wanted not in takes:
        give = "give one of FlowMatchEuler, FlowMatchHeun" if is_sd3 else "give FlowMatchEuler"
        with pytest.raises(InputError, match=f"{re.escape(wanted)} does not suit .*; {give}$"):
            made_as_in_a_trial(pipeline, wanted)
        return
    own, made = made_as_in_a_trial(pipeline, wanted)
    for key in ("num_train_timesteps", "shift"):
        assert made.config[key] == own.config[key], key
    profile = scheduler_profile(made, 4, profile_of(pipeline))
    assert len(profile.timesteps) == (4 if profile.order == 1 else 7)


def test_timesteps_of_flow_matching_are_those_of_the_pipelines_call() -> None:
    """They depend on the picture's size, and FLUX draws 256 tokens here where it has 4096."""
    profile = PIPELINES["FLUX.1-dev"].architecture.profile(256, 256)
    _, made = made_as_in_a_trial("FLUX.1-dev", "FlowMatchEuler")
    small = scheduler_profile(made, 4, profile).timesteps
    large = scheduler_profile(made, 4, profile_of("FLUX.1-dev")).timesteps
    # e^mu / (e^mu + 1/sigma - 1) with mu 0.5 at 256 tokens and 1.15 at 4096 (diffusers).
    for mu, found in ((0.5, small), (1.15, large)):
        expected = [1000 / (1 + (1 / sigma - 1) / exp(mu)) for sigma in (1, 0.75, 0.5, 0.25)]
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("pipeline", ["PixArt-alpha", "PixArt-Sigma"])
@pytest.mark.parametrize("wanted", ["DDIM", "DDPM"])
def test_pixart_is_not_clipped(pipeline: str, wanted: str) -> None:
    _, made = made_as_in_a_trial(pipeline, wanted)
    assert made.config["clip_sample"] is False
    assert made.config["timestep_spacing"] == "linspace"
    assert made.config["steps_offset"] == 0


def test_a_default_that_is_spelled_out_changes_nothing() -> None:
    for entry in map(PIPELINES.__getitem__, PREDICTING_NOISE):
        config = entry.architecture.scheduler
        own = getattr(diffusers, config["_class_name"]).from_config(config)
        spelled_out = {**own.config, "_class_name": config["_class_name"]}
        spelled_out.pop("_use_default_values", None)
        for name in USUAL:
            made, same = (
                make_scheduler(name, each, scheduler_settings(name, each, entry.pipeline_class))
                for each in (config, spelled_out)
            )
            known = set(inspect.signature(type(made)).parameters)
            for key in known.intersection(CARRIED):
                assert made.config[key] == same.config[key], (entry.name, name, key)
            profile = profile_of(entry.name)
            assert scheduler_profile(made, 20, profile) == scheduler_profile(same, 20, profile)


def test_embedded_pipelines_need_no_settings_and_keep_their_studies() -> None:
    for name, entry in PIPELINES.items():
        if name.startswith("tiny-shapes"):
            for scheduler in USUAL if name in PREDICTING_NOISE else [entry.usual_scheduler]:
                config = entry.architecture.scheduler
                assert scheduler_settings(scheduler, config, entry.pipeline_class) == {}


def test_what_a_stable_diffusion_pipeline_corrects_holds_for_other_schedulers_too() -> None:
    # Files of the first models say nothing of it, and DDIM's own default is to clip.
    config = {"_class_name": "DDIMScheduler", "beta_schedule": "scaled_linear"}
    settings = scheduler_settings("DDIM", config, "StableDiffusionPipeline")
    assert settings == {"clip_sample": False, "steps_offset": 1}
    assert scheduler_settings("DPM-Solver++", config, "StableDiffusionPipeline") == {
        "timestep_spacing": "leading",
        "steps_offset": 1,
    }


def test_last_step_goes_where_the_own_scheduler_ends() -> None:
    config = {"_class_name": "DPMSolverMultistepScheduler", "final_sigmas_type": "sigma_min"}
    settings = scheduler_settings("DDIM", config, "PixArtAlphaPipeline")
    assert settings["set_alpha_to_one"] is False
    config["final_sigmas_type"] = "zero"
    assert "set_alpha_to_one" not in scheduler_settings("DDIM", config, "PixArtAlphaPipeline")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"thresholding": True}, "EulerDiscreteScheduler"),
        ({"rescale_betas_zero_snr": True}, "PNDMScheduler"),
        ({}, "EDMEulerScheduler"),
    ],
)
def test_scheduler_that_lacks_what_the_model_was_trained_for_is_refused(
    said: dict[str, Any], wanted: str
) -> None:
    config = {"_class_name": "DDIMScheduler", **said}
    with pytest.raises(InputError, match=f"{wanted} does not suit this pipeline: it has no"):
        scheduler_settings(wanted, config, "StableDiffusionXLPipeline")


def test_own_configuration_that_is_broken_is_told_in_one_line() -> None:
    config = {"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "none"}
    with pytest.raises(InputError, match="does not work with this pipeline") as refusal:
        scheduler_settings("DDIM", config, "PixArtAlphaPipeline")
    assert "\n" not in str(refusal.value)


def test_scheduler_that_fails_in_its_steps_is_refused_before_anything_is_loaded() -> None:
    # A variance that the model predicts beside the noise; ours predict none.
    config = {"_class_name": "DDPMScheduler", "variance_type": "learned"}
    scheduler = make_scheduler("DDPMScheduler", config, {})
    with pytest.raises(InputError, match="DDPMScheduler with 4 steps does not work"):
        scheduler_profile(scheduler, 4, profile_of("SD1.5"))
    # The last alpha is 0, and noise cannot be told from it.
    zero_snr = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    spaced = make_scheduler("DDIM", {"_class_name": "DDIMScheduler", **zero_snr}, {})
    with pytest.raises(InputError, match="NaN or infinity"):
        scheduler_profile(spaced, 4, profile_of("SD1.5"))
