"""A pipeline that a person has loaded, as studies measure it and points accelerate it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from accel_space.handed_over.installing import is_accelerated
from objectives.errors import InputError, LoadError
from objectives.model_files.fingerprint import LOADED
from objectives.model_files.in_memory import pipe_fingerprint
from objectives.model_files.quiet import quiet_loading
from objectives.pipelines.architecture import Architecture, architecture_of
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.families import FAMILIES, family_of
from objectives.pipelines.model import Model, check_folder
from storage.records.protocol import Dtype
from storage.records.study import Origin

if TYPE_CHECKING:
    import torch

SAVE_FUSED = (
    "fuse its LoRAs (pipe.fuse_lora(), then pipe.unload_lora_weights()), and save it with "
    "pipe.save_pretrained(FOLDER)"
)
"""How to save a pipeline in a folder that loads as the same pipeline."""

LIBRARIES = {"accelerate", "peft", "torch", "transformers"}
"""Libraries whose own hooks note or place what a module computes, and accelerate nothing."""

PLACING = {
    "group_offloading",
    "layer_execution_tracker",
    "layerwise_casting",
    "lazy_prefetch_group_offloading",
    "peft_autocast_disable",
}
"""The hooks of diffusers that place or cast weights; its other hooks skip computation."""

OF_RUNS = {"timesteps", "sigmas"}
"""The tables of a scheduler that every run computes anew."""

SAME = 1e-4
"""Relative tolerance; tables that two devices compute differ by less."""


@dataclass(frozen=True)
class GivenPipe:
    """A loaded pipeline that can be measured as it is.

    Attributes:
        pipe: The pipeline.
        entry: The pipeline of the catalogue that it most resembles; it lends its name, its prompts
            and its scorer.
        architecture: What the configurations of its parts say.
        device: Where its weights are.
        dtype: Type of its weights.
    """

    pipe: Any
    entry: PipelineEntry
    architecture: Architecture
    device: torch.device
    dtype: Dtype

    @property
    def scheduler(self) -> str:
        """The class of its scheduler."""
        return type(self.pipe.scheduler).__name__

    def model(self) -> Model:
        """The model, identified by all its weights; that takes seconds per gigabyte."""
        name = f"{LOADED}@{pipe_fingerprint(self.pipe)}"
        return Model(name, None, None, self.architecture, Origin(), self.pipe)


def take_pipe(pipe: Any) -> GivenPipe:
    """Check that a loaded pipeline can be measured as it is, and describe it.

    Raises:
        InputError: If it cannot; the text says why.
    """
    architecture = check_pipe(pipe)
    family = family_of(architecture.pipeline_class)
    if missing := [part for part in family.encoders if getattr(pipe, part, None) is None]:
        raise InputError(
            f"this {architecture.pipeline_class} has no {missing[0]}, which reads the prompts; "
            "load it with one"
        )
    _check_scheduler(pipe.scheduler)
    entry, dtype = _nearest_entry(architecture), _dtype_of(family.values.denoiser_of(pipe))
    return GivenPipe(pipe, entry, architecture, _device_of(pipe), dtype)


def check_pipe(pipe: Any) -> Architecture:
    """Check that a loaded pipeline can be accelerated as it is, and describe its configurations.

    Raises:
        InputError: If it cannot; the text says why.
    """
    name = type(pipe).__name__
    classes = [each for family in FAMILIES for each in family.classes]
    if name not in classes:
        raise InputError(
            f"a {name} is no pipeline that accelfront knows; it knows {', '.join(classes)}"
        )
    family = family_of(name)
    needed = ("scheduler", "vae", family.values.denoiser)
    if missing := [part for part in needed if getattr(pipe, part, None) is None]:
        raise InputError(f"this {name} has no {missing[0]}, which drawing needs; load it with one")
    if is_accelerated(pipe, family.values.denoiser_of(pipe)):
        raise InputError("this pipe is accelerated already; undo that first")
    if _is_compiled(family.values.denoiser_of(pipe)):
        raise InputError(
            f"this pipe's {family.values.denoiser} is compiled already; give the pipe as it was "
            "loaded, and add the method compile"
        )
    _check_unpatched(pipe)
    return architecture_of(pipe)


def loaded_fingerprint(entry: PipelineEntry, folder: Path, dtype: Dtype) -> str:
    """The fingerprint of a folder's pipeline once it is loaded with all its parts.

    Args:
        entry: A pipeline of its class.
        folder: A model in diffusers layout.
        dtype: Type of the weights.

    Raises:
        InputError: If it cannot be loaded.
    """
    import diffusers
    import torch

    check_folder(entry, folder)
    try:
        with quiet_loading():
            pipe = getattr(diffusers, entry.pipeline_class).from_pretrained(
                folder, dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True
            )
    except Exception as error:
        # diffusers and transformers raise errors of any kind.
        raise LoadError("the model", folder, error, SAVE_FUSED) from error
    if any(tensor.is_meta for module in _modules(pipe) for tensor in module.parameters(False)):
        # diffusers only warns.
        raise LoadError("the model", folder, "it lacks weights of its parts", SAVE_FUSED)
    return pipe_fingerprint(pipe)


def _check_unpatched(pipe: Any) -> None:
    """Raise InputError if a module does not run its class's code, as somebody has patched it."""
    parts = [(name, part) for name, part in pipe.components.items() if hasattr(part, "modules")]
    for name, part in parts:
        for path, module in part.named_modules(prefix=name):
            if _is_patched(module):
                raise InputError(
                    f"this pipe's {path} is patched, so the pipe is accelerated already, or its "
                    "pictures are not its weights' own; undo that first (such as "
                    "helper.disable(), tomesd.remove_patch(pipe) or the handle's remove()), or "
                    "load the pipe anew"
                )


def _is_patched(module: Any) -> bool:
    registry = getattr(module, "_diffusers_hook", None)
    if registry is not None and not PLACING.issuperset(registry.hooks):
        return True
    hooks = (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
    if any(_library(hook) not in LIBRARIES for hook in hooks):
        return True
    forward = vars(module).get("forward")
    # Both wrap the previous forward, and keep it as the module's own once undone.
    while isinstance(forward, partial) and _library(forward) in ("accelerate", "diffusers"):
        forward = getattr(forward, "__wrapped__", None)
    # torch.compile's wrapper has a forward of its own.
    own = getattr(forward, "__func__", None) is type(module).forward
    return not (forward is None or own or hasattr(module, "_orig_mod"))


def _library(function: Any) -> str:
    """The package that a function comes from."""
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__module__", None)).partition(".")[0]


def _is_compiled(denoiser: Any) -> bool:
    """Whether torch has compiled it, by torch.compile or in place."""
    return hasattr(denoiser, "_orig_mod") or any(
        module._compiled_call_impl is not None for module in denoiser.modules()
    )


def _check_scheduler(scheduler: Any) -> None:
    """Raise InputError if its configuration makes a different one, as studies and scripts would."""
    import torch

    plain = vars(type(scheduler).from_config(scheduler.config))
    for name, table in vars(scheduler).items():
        made = plain.get(name)
        if isinstance(made, torch.Tensor) and name not in OF_RUNS:
            same = getattr(table, "shape", None) == made.shape and torch.allclose(
                torch.as_tensor(table).to(made), made, rtol=SAME, atol=0, equal_nan=True
            )
            if not same:
                raise InputError(
                    f"this pipe's scheduler has other {name} than its configuration makes, and "
                    "studies make it from that; change its configuration (from_config), or undo "
                    "the change"
                )


def _nearest_entry(architecture: Architecture) -> PipelineEntry:
    """The most similar pipeline of the catalogue: first in size, then in what it predicts."""
    alike = [e for e in PIPELINES.values() if e.pipeline_class == architecture.pipeline_class]

    def rank(entry: PipelineEntry) -> tuple[bool, bool, bool]:
        other = entry.architecture
        return (
            not architecture.is_sized_as(other),
            _predicts(architecture) != _predicts(other),
            # A model of unknown size is no toy.
            isinstance(entry.model, Path),
        )

    return min(alike, key=rank)


def _predicts(architecture: Architecture) -> str:
    """What a denoiser predicts; a configuration that does not say so means the noise."""
    return str(architecture.scheduler.get("prediction_type", "epsilon"))


def _device_of(pipe: Any) -> torch.device:
    """The device of all weights of a pipe.

    Raises:
        InputError: If they are moved while it draws, or are on several devices.
    """
    import torch

    offloaded = (
        getattr(pipe, "_all_hooks", None)
        or getattr(pipe, "hf_device_map", None)
        or any(_moves(module) for module in _modules(pipe))
    )
    if offloaded:
        raise InputError(
            "this pipe's weights are moved between devices while it draws (offload or a device "
            "map), so a latency would be that of the moving; call pipe.remove_all_hooks() and "
            'pipe.to("cuda") first'
        )
    devices = {tensor.device for module in _modules(pipe) for tensor in module.parameters(False)}
    if len(devices) != 1:
        names = ", ".join(sorted(map(str, devices))) or "none"
        raise InputError(
            f"this pipe's weights must be on one device, and are on {names}; call pipe.to(DEVICE)"
        )
    [device] = devices
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"accelfront measures on cpu and cuda, and this pipe is on {device}")
    return torch.device(device.type, device.index) if device.type == "cuda" else device


def _moves(module: Any) -> bool:
    """Whether a hook moves a module's weights when it is called."""
    registry = getattr(module, "_diffusers_hook", None)
    return getattr(getattr(module, "_hf_hook", None), "offload", False) or (
        registry is not None and registry.get_hook("group_offloading") is not None
    )


def _modules(pipe: Any) -> list[Any]:
    parts = [part for part in pipe.components.values() if hasattr(part, "modules")]
    return [module for part in parts for module in part.modules()]


def _dtype_of(denoiser: Any) -> Dtype:
    name = str(denoiser.dtype).removeprefix("torch.")
    for known in get_args(Dtype):
        if name == known:
            found: Dtype = known
            return found
    raise InputError(
        f"accelfront measures weights in {', '.join(get_args(Dtype))}, and this pipe's are in "
        f"{name}; load it with one of them"
    )
