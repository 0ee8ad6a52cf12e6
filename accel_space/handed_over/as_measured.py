"""Compare a pipe and its calls with what an acceleration was measured with.

These are plain functions, because the modules that accelfront writes carry their source.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from inspect import Parameter, Signature, signature
from typing import Any

from accel_space.handed_over.installing import is_accelerated

OF_A_PICTURE = (
    *("self", "prompt", "prompt_2", "prompt_3", "prompt_embeds", "pooled_prompt_embeds"),
    *("prompt_attention_mask", "negative_prompt_embeds", "negative_pooled_prompt_embeds"),
    *("negative_prompt_attention_mask", "prompt_embeds_mask", "negative_prompt_embeds_mask"),
    *("num_images_per_prompt", "generator", "latents"),
    *("output_type", "return_dict", "callback", "callback_steps", "callback_on_step_end"),
    "callback_on_step_end_tensor_inputs",
)
"""Arguments that may have any value: what is drawn, how often, and how it is returned."""

GUIDANCE = ("true_cfg_scale", "guidance_scale")
"""The keywords of the guidance scale. Where a call has both, the first one weighs the
prompts against the negative prompts."""

WITHOUT_NEGATIVE = (
    "negative_prompt must be given, be it empty, as this pipeline is not guided without one"
)


def refuse_other_pipe(pipe: Any, pipeline_class: str, denoiser: str, needs_gpu: bool) -> None:
    """Refuse a pipe on which an acceleration cannot work.

    Args:
        pipe: A diffusers pipeline.
        pipeline_class: The name of the class whose calls were measured.
        denoiser: Its attribute that holds the module which predicts the noise.
        needs_gpu: Whether the acceleration works only on CUDA.

    Raises:
        TypeError: If the pipe is of another class.
        RuntimeError: If the pipe, or another one with the same denoiser, is accelerated
            already; if it is offloaded, or not where the acceleration works.
    """
    if pipeline_class not in (kind.__name__ for kind in type(pipe).__mro__):
        raise TypeError(
            f"this acceleration was measured with {pipeline_class}, and the pipe is of "
            f"{type(pipe).__name__}; load it with {pipeline_class}.from_pretrained"
        )
    if is_accelerated(pipe, getattr(pipe, denoiser)):
        raise RuntimeError("this pipe is accelerated already; undo that first")
    if getattr(pipe, "_all_hooks", None):
        raise RuntimeError(
            "the pipe is offloaded to the CPU, and that was not measured; "
            "call pipe.remove_all_hooks() first"
        )
    if needs_gpu and pipe.device.type != "cuda":
        raise RuntimeError(
            f"this acceleration captures CUDA graphs, and the pipe is on {pipe.device}; "
            'call pipe.to("cuda") first'
        )


def pipe_differences(
    pipe: Any,
    denoiser: str,
    scheduler: str,
    scheduler_settings: Mapping[str, Any],
    dtype: str,
    on_gpu: bool,
) -> list[str]:
    """Say how a pipe differs from what was measured; empty if it does not.

    Args:
        pipe: A diffusers pipeline.
        denoiser: As for `refuse_other_pipe`.
        scheduler: The class name of the scheduler that was measured.
        scheduler_settings: The settings of that scheduler.
        dtype: The dtype of the weights, such as `float16`.
        on_gpu: Whether the acceleration was measured on a GPU.
    """
    has, config = type(pipe.scheduler).__name__, pipe.scheduler.config
    kind = str(getattr(pipe, denoiser).dtype).removeprefix("torch.")
    found = []
    if has != scheduler:
        found.append(f"its scheduler is {has}, and {scheduler} was measured")
    else:
        found += [
            f"its scheduler has {name}={config.get(name)!r}, and {value!r} was measured"
            for name, value in scheduler_settings.items()
            if config.get(name) != value
        ]
    if kind != dtype:
        found.append(f"its weights are {kind}, and {dtype} was measured")
    if (pipe.device.type == "cuda") != on_gpu:
        where = "a GPU" if on_gpu else "a CPU"
        found.append(f"it is on {pipe.device}, and its speed was measured on {where}")
    return found


def watched(
    pipe: Any,
    generate: Callable[..., Any],
    denoiser: str,
    settings: Mapping[str, Any],
    held: Mapping[str, str],
    guided_above: float = 1.0,
) -> Callable[..., Any]:
    """Make a call that refuses what cannot work, and warns once about each difference.

    Args:
        pipe: A diffusers pipeline.
        generate: Its accelerated call.
        denoiser: As for `refuse_other_pipe`.
        settings: The values that were measured, by the call's keyword.
        held: The keywords among them that must stay, and why; for the guidance only
            whether it is on.
        guided_above: The guidance scale up to which guidance is off.
    """
    takes = signature(type(pipe).__call__)
    told: set[str] = set()

    def generate_watched(*args: Any, **kwargs: Any) -> Any:
        given = takes.bind(pipe, *args, **kwargs)
        given.apply_defaults()
        values = with_native_size(given.arguments, pipe, denoiser)
        refuse_no_numbers(values)
        measured = with_unasked(settings, takes)
        for text in call_differences(values, measured, held, guided_above):
            if text not in told:
                told.add(text)
                warnings.warn(text, stacklevel=3)
        return generate(*args, **kwargs)

    return generate_watched


def with_unasked(settings: Mapping[str, Any], takes: Signature) -> dict[str, Any]:
    """Add the defaults of all other arguments that change pictures to what was measured.

    Args:
        settings: As for `watched`.
        takes: The signature of the pipeline's call.
    """
    named = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    others = {
        name: parameter.default
        for name, parameter in takes.parameters.items()
        if parameter.kind in named and name not in (*OF_A_PICTURE, *settings)
    }
    return {**settings, **others}


def with_native_size(values: Mapping[str, Any], pipe: Any, denoiser: str) -> dict[str, Any]:
    """Fill in the model's own height and width where a call gives none."""
    # Some transformers know no size; their pipelines use this one.
    config = getattr(pipe, denoiser).config
    side = config.get("sample_size") or getattr(pipe, "default_sample_size", 128)
    sides = (side, side) if isinstance(side, int) else side
    native = {
        name: latent * pipe.vae_scale_factor
        for name, latent in zip(("height", "width"), sides, strict=True)
        if values.get(name) is None
    }
    return {**values, **native}


def refuse_no_numbers(values: Mapping[str, Any]) -> None:
    """Refuse a call without numbers where methods need them.

    Args:
        values: The arguments of the call.

    Raises:
        ValueError: If one of them is no number.
    """
    from numbers import Integral, Real

    for name in ("num_inference_steps", "height", "width"):
        value = values[name]
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} must be a whole number from 1, and {value!r} was given")
    # A pipeline that takes both may go without the second.
    name = next(name for name in GUIDANCE if name in values)
    if not isinstance(values[name], Real):
        raise ValueError(f"{name} must be a number, and {values[name]!r} was given")


def call_differences(
    values: Mapping[str, Any],
    settings: Mapping[str, Any],
    held: Mapping[str, str],
    guided_above: float,
) -> list[str]:
    """Say how a call differs from what was measured.

    Args:
        values: The arguments of the call.
        settings: What was measured, as `with_unasked` returns it.
        held: As for `watched`.
        guided_above: As for `watched`.

    Raises:
        ValueError: If a value differs that must stay.
    """
    # None, an empty text and a list of empty texts ask for nothing; a list may hold one
    # text for each picture.
    alike = {name: one_of_equal(value) for name, value in values.items()}
    differing = {
        name: (alike[name], measured)
        for name, measured in settings.items()
        if name in alike and differs(alike[name], one_of_equal(measured))
    }
    for name in ("timesteps", "sigmas"):
        if name in differing and "num_inference_steps" in held:
            raise ValueError(
                f"{name} must be left out, as they set other steps: {held['num_inference_steps']}"
            )
    unguided = lacks_negative(values, settings)
    if unguided and "true_cfg_scale" in held:
        raise ValueError(f"{WITHOUT_NEGATIVE}: {held['true_cfg_scale']}")
    for name, (value, measured) in differing.items():
        is_scale = name in GUIDANCE and None not in (value, measured)
        if is_scale and (value > guided_above) == (measured > guided_above):
            continue
        if name in held:
            stays = f"above {guided_above:g}" if name in GUIDANCE else measured
            raise ValueError(f"{name} must stay {stays}, and is {value}: {held[name]}")
    return [WITHOUT_NEGATIVE] * unguided + [
        f"{name} is given, and none was measured"
        if one_of_equal(measured) is None
        else f"{name} is {value}, and {measured} was measured"
        for name, (value, measured) in differing.items()
    ]


def lacks_negative(values: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether a call lacks the negative prompt that the measured guidance needs.

    Pipelines with `true_cfg_scale` are guided only with a negative prompt, even an empty one.
    """
    if not all(each.get("true_cfg_scale", 0) > 1 for each in (settings, values)):
        return False
    return all(values.get(name) is None for name in ("negative_prompt", "negative_prompt_embeds"))


def one_of_equal(value: Any) -> Any:
    """Reduce a list of equal texts to one text, and an empty text to None."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = value[0] if len(set(value)) == 1 else value
    return None if isinstance(value, str) and not value else value


def differs(value: Any, measured: Any) -> bool:
    """Whether an argument differs; anything that is given, even a tensor, differs from None."""
    if value is None or measured is None:
        return value is not measured
    return bool(value != measured)
