"""What a script says about itself: how it draws, and what was measured."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from accel_space.methods import METHODS
from generator.artefacts.writing.written import WIDTH, plain
from storage.records.budgets import CLIP_LOSS, Figure
from storage.records.conclusions.words import loss_number, loss_title, speedup_words
from storage.records.points import by_short_names
from storage.records.protocol import Protocol
from storage.records.study import Study
from storage.records.trial import Trial


def title(pipeline: str, scheduler: str, steps: int, methods: Sequence[str]) -> str:
    """Write a script's first sentence.

    Args:
        pipeline: A name of the catalogue.
        scheduler: Name of a diffusers scheduler class.
        steps: num_inference_steps.
        methods: Names of methods.
    """
    titles = _listed([METHODS[method].title for method in methods])
    sentence = f"{pipeline} with {scheduler} in {steps} steps, accelerated by {titles}."
    return textwrap.fill(sentence, WIDTH - len('"""'))


def provenance(study: Study, trial: Trial, protocol: Protocol) -> str:
    """Write what was measured, where and by which trial.

    Args:
        study: The trial's study.
        trial: The trial.
        protocol: How it was measured.
    """
    measured = trial.measurement
    speed_low, speed_high = measured.speedup_ci
    params = by_short_names(trial.params)
    rows = {
        "trial": f"{trial.number} of {study.name}",
        "parameters": ", ".join(f"{name}={value:g}" for name, value in params.items()),
        "speedup": f"{trial.speedup:.2f}x (95%: {speed_low:.2f} to {speed_high:.2f})",
        "latency": f"{measured.latency_s:.3g} s a picture "
        f"{'drawn alone' if protocol.batch_size == 1 else f'in batches of {protocol.batch_size}'}, "
        f"{measured.baseline_latency_s:.3g} s without acceleration",
        **_warm_up(trial),
        "CLIP loss": _loss(Figure(trial.clip_loss, *measured.clip_loss_ci)),
        **_own_loss(trial),
        **_confirmation(trial),
        "pictures": f"{protocol.num_samples} of {protocol.width}x{protocol.height} pixels, "
        f"{protocol.batch_size} at a time, {protocol.dtype}, seeds from {protocol.seed} on",
        "prompts": protocol.prompts,
        **({"negative": protocol.negative_prompt} if protocol.negative_prompt else {}),
        "model": protocol.model,
        "scorer": protocol.scorer,
        **({"weights": _weights(protocol)} if protocol.weights else {}),
        "device": study.device,
        "versions": ", ".join(
            f"{name}=={version}" for name, version in study.versions.items() if version
        ),
    }
    lines = [
        textwrap.fill(
            plain(text),
            WIDTH,
            initial_indent=f"    {label:<12}",
            subsequent_indent=" " * 16,
            break_on_hyphens=False,
        )
        for label, text in rows.items()
    ]
    return "\n".join(["Written by accelfront from what it measured:", *lines])


def _weights(protocol: Protocol) -> str:
    """The models that metrics loaded."""
    return ", ".join(f"{each.metric} {each.name}" for each in protocol.weights)


def _own_loss(trial: Trial) -> dict[str, str]:
    """Its judged loss in the study's own metric, if that is not the CLIP loss."""
    if trial.loss_name == CLIP_LOSS:
        return {}
    return {loss_title(trial.loss_name): _loss(trial.lost(trial.judged))}


def _loss(loss: Figure, interval: str = "95%: ") -> str:
    ends = f"{loss_number(loss.low)} to {loss_number(loss.high)}"
    return f"{loss_number(loss.value)} ({interval}{ends})"


def _warm_up(trial: Trial) -> dict[str, str]:
    """How long the first generation took, if that is known."""
    if trial.warmup_s is None:
        return {}
    return {
        "warm-up": f"{trial.warmup_s:.3g} s for the first generation, which compiles and captures; "
        "in no latency and no speedup"
    }


def _confirmation(trial: Trial) -> dict[str, str]:
    """The results on prompts that the search did not see, if they were measured."""
    if trial.confirmed is None:
        return {}
    again = trial.confirmed
    loss = _loss(Figure(again.clip_loss, *again.clip_loss_ci), interval="")
    return {
        "confirmed": f"{speedup_words(again)}, CLIP loss {loss} on {again.samples} prompts "
        "that the search did not see"
    }


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
