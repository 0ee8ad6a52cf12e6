"""Notes on a generation that works but may not be what was meant."""

from __future__ import annotations

import re
from collections.abc import Sequence

from objectives.pipelines.architecture import Architecture
from objectives.pipelines.families import family_of
from objectives.pipelines.loras import FoundLora
from storage.records.combination import Combination
from storage.records.protocol import Protocol

CONSISTENCY = ("LCMScheduler", "TCDScheduler")
"""Schedulers of latent consistency models and of Hyper-SD, which suit no other models."""

NAMES = re.compile(r"(?<![a-z])(turbo|lightning|lcm|hyper-?sd(xl)?)(?![a-z])", re.IGNORECASE)

MOST_STEPS, MOST_GUIDANCE = 8, 2
"""From model cards of distilled models: SDXL-Turbo has 1 to 4 steps and no guidance,
SDXL-Lightning 1 to 8 and none, LCM-LoRA 4 to 8 and a guidance of 1 to 2."""


def generation_notes(
    combination: Combination,
    protocol: Protocol,
    architecture: Architecture,
    loras: Sequence[FoundLora],
    device: str,
) -> tuple[str, ...]:
    """What a person should know about how pictures are drawn, a line each.

    Args:
        combination: The combination to accelerate.
        protocol: How it is measured.
        architecture: What the model's configurations say.
        loras: The LoRAs fused into its weights.
        device: The kind of device.
    """
    notes = [
        f"{lora.path.name} is fused into the weights at a scale of {lora.record.scale:g}: it costs "
        "no time, and every method works as without it"
        for lora in loras
    ]
    if protocol.dtype == "bfloat16" and device == "cpu":
        notes.append("bf16 on a CPU is often slower than fp32, and less exact")
    guidance = protocol.guidance_scale
    off = family_of(architecture.pipeline_class).values.guided_above
    if _is_guided(architecture, protocol) and guidance <= off:
        notes.append(
            f"a guidance of {guidance:g} is off, as all up to {off:g} are: the denoiser draws from "
            "the prompt alone, once a step"
        )
    return (*notes, *_of_distilled(combination, protocol, architecture))


def why_distilled(architecture: Architecture, protocol: Protocol) -> str:
    """Evidence that a model was distilled to few steps; empty if there is none.

    Args:
        architecture: What the model's configurations say.
        protocol: Names the model and its LoRAs, and the size.
    """
    names = [protocol.model, *(lora.name for lora in protocol.loras)]
    config = architecture.scheduler
    own = str(config.get("_class_name"))
    if own in CONSISTENCY:
        return f"its own scheduler is the {own}"
    profile = architecture.profile(protocol.height, protocol.width)
    if profile.few_steps:
        return "it takes no guidance, like FLUX.1-schnell"
    # A transformer with such an input, like FLUX.1-dev, was distilled only from guidance.
    if profile.guidance != "halves" and profile.down_resnets:
        return "it takes the guidance as an input, as latent consistency models do"
    if own.startswith("Euler") and config.get("timestep_spacing") == "trailing":
        return f"its own {own} has trailing timesteps, like those of Turbo and Lightning"
    found = next((name for name in names if NAMES.search(name)), None)
    return "" if found is None else f"{found.partition('@')[0]} is its name"


def _of_distilled(
    combination: Combination, protocol: Protocol, architecture: Architecture
) -> list[str]:
    reason, guidance = why_distilled(architecture, protocol), protocol.guidance_scale
    is_guided = _is_guided(architecture, protocol) and guidance > MOST_GUIDANCE
    if not reason or not (combination.steps > MOST_STEPS or is_guided):
        return []
    advice = f"--steps 4{' --guidance 0' if is_guided else ''}"
    return [
        f"this model looks distilled, as {reason}: such models draw in {MOST_STEPS} steps or fewer"
        f"{' without guidance' if is_guided else ''}, and {combination.steps} steps at a guidance "
        f"of {guidance:g} are asked for; {advice} may be what you mean, with the model's own "
        "--scheduler"
    ]


def _is_guided(architecture: Architecture, protocol: Protocol) -> bool:
    profile = architecture.profile(protocol.height, protocol.width)
    return profile.guidance in ("halves", "calls")
