"""An emitted service: the qualities that a study found, as a program that draws for many users."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accel_space.applying import held_settings
from generator.artefacts.point import Point
from generator.artefacts.script import script_name
from generator.artefacts.serving import __name__ as serving
from generator.artefacts.source import Source
from generator.artefacts.writing.rendering import (
    carried_by,
    common,
    packages,
    patches,
    render,
)
from generator.artefacts.writing.values import Applied, applied, read_values
from generator.artefacts.writing.written import WIDTH, literals, plain
from generator.choice import Choice
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.loras import LIBRARY as PEFT
from storage.records.conclusions.words import loss_number, share_text
from storage.records.judgement import LEAST_SPEEDUP, Rivals, judged_bound
from storage.records.study import Study
from storage.records.trial import Trial

LIBRARIES = ("fastapi", "uvicorn")
"""The libraries that a service needs in addition; accelfront's extra `service` has them."""

CARRIED = [
    *((f"{serving}.web", name) for name in ("make_app", "Measured")),
    (f"{serving}.drawing", "Tier"),
]

NAMES = ("fast", "balanced", "best")


class Quality(NamedTuple):
    """What a request may ask for.

    Attributes:
        name: One of `NAMES`.
        trial: The trial that it applies; None is the plain pipeline.
        what: Its description.
    """

    name: str
    trial: Trial | None
    what: str


def service_name(study: Study, trial: Trial) -> str:
    """Name a study's service by the trial of its balanced quality, so that it can be imported."""
    return re.sub(r"\W", "_", Path(script_name(study, trial)).stem) + "_service.py"


def qualities(choice: Choice) -> list[Quality]:
    """Take the qualities of a service from a study.

    Balanced is the chosen trial. Best is the fastest point that leaves nothing out, or the plain
    pipeline if none is faster. Fast is the fastest point inside all budgets by its means, which
    is the bolder point if the study's answer was chosen; it equals balanced if that point is no
    faster. No point outside a budget is offered, as everywhere else.
    """
    study, chosen, budgets = choice.study, choice.trial, choice.budgets
    inside = budgets.in_words()
    lossless = Rivals.among(study.trials, budgets).lossless
    if lossless is None or lossless.judged_speedup <= LEAST_SPEEDUP:
        best = Quality("best", None, "the pipeline without acceleration")
    else:
        best = Quality("best", lossless, "the fastest point that leaves nothing out")
    sure = f"chosen to be inside {inside}, with a chance of {share_text(choice.chance_inside)}"
    found = judged_bound(study.trials, budgets)
    if found is None or found.judged_speedup <= chosen.judged_speedup:
        same = f"the same as balanced, as no faster point is inside {inside}: {sure}"
        fast = Quality("fast", chosen, same)
    else:
        chance = share_text(found.chance_inside(budgets))
        fast = Quality("fast", found, f"faster, and inside {inside} with a chance of {chance}")
    return [fast, Quality("balanced", chosen, sure), best]


def render_service(choice: Choice, source: Source) -> str:
    """Write the service of a study.

    Args:
        choice: The trial that is its balanced quality.
        source: What it loads by default, as `find_source` found it.

    Raises:
        InputError: If the study holds values that none of ours can, or a trial accelerates nothing.
        RefusedError: If methods do not work together.
    """
    study, chosen = choice.study, choice.trial
    found = qualities(choice)
    values = read_values(study, chosen)
    trials = {each.trial.number: each.trial for each in found if each.trial is not None}
    methods = {
        number: applied(study, trial, read_values(study, trial)) for number, trial in trials.items()
    }
    known = common(study, chosen, values, methods[chosen.number], source)
    every = [each for some in methods.values() for each in some]
    libraries = [*(method.library for method, _ in every), PEFT if source.loras else "", *LIBRARIES]
    carried = carried_by(
        every,
        CARRIED,
        {"argparse": (), "logging": (), "sys": (), "torch": (), "uvicorn": ()},
        {"dataclasses": ("replace",), "typing": ("Any",)},
        {"pathlib": ("Path",)} if source.variant else {},
        {"diffusers": (values.scheduler, known["pipeline_class"])},
    )
    return render(
        "service",
        **known
        | {
            "packages": packages(study, libraries),
            "needs_gpu": any(method.needs_gpu for method, _ in every),
        },
        **carried,
        patches={number: patches(some, captures=True) for number, some in methods.items()},
        tiers=[_tier(choice, each, methods) for each in found],
        told=[_told(each) for each in found],
    )


FIXED = "this quality is compiled or captured for it"


def _tier(
    choice: Choice, quality: Quality, methods: Mapping[int, Sequence[Applied]]
) -> dict[str, Any]:
    """What the template says about a quality."""
    trial, most = quality.trial, choice.study.protocol.batch_size
    some = [] if trial is None else [method for method, _ in methods[trial.number]]
    family = find_pipeline(choice.study.combination.pipeline).family.values
    held = held_settings(some, family)
    # The pipeline takes no guidance.
    held.pop(family.guidance_keyword, None)
    warms_up = any(method.is_lossless for method in some)
    batches = range(1, most + 1)
    if any(method.has_hit is not None for method in some):
        # It decides for a whole batch, so a picture would depend on the others in it.
        batches = range(1, 2)
    elif warms_up:
        # Each size is compiled or captured, and takes memory.
        batches = range(1, most + 1, max(1, most - 1))
        held |= dict.fromkeys(("num_inference_steps", "height", "width"), FIXED)
    return {
        "name": quality.name,
        "point": "plain" if trial is None else str(trial.number),
        "patch": None if trial is None else f"patch_trial_{trial.number}",
        "batches": tuple(batches),
        "warms_up": warms_up,
        "held": {name: literals(why) for name, why in held.items()},
        "what": _text(quality.what),
        "figures": _figures(choice, trial),
    }


def _text(text: str) -> str:
    """A text of any length as the value of a key, as formatters write it."""
    pieces = literals(text)
    if len(pieces) == 1:
        return pieces[0]
    return "(\n" + "".join(f"                {piece}\n" for piece in pieces) + "            )"


def _figures(choice: Choice, trial: Trial | None) -> dict[str, Any]:
    if trial is None:
        seconds = choice.trial.judged.baseline_latency_s
        return {"speedup": 1.0, "latency_s": seconds, "clip_loss": 0.0}
    point = Point.of(choice.study, trial, choice.budgets)
    names = ("speedup", "speedup_ci", "latency_s", "clip_loss", "clip_loss_ci", "samples")
    return {
        **{name: getattr(point.figures, name) for name in names},
        "confirmed": point.figures.confirmed,
        "chance_inside": point.promised.chance_inside,
    }


def _told(quality: Quality) -> str:
    """The line about a quality in the service's head."""
    trial = quality.trial
    figures = (
        "1x"
        if trial is None
        else f"trial {trial.number}, {trial.judged_speedup:.2f}x, CLIP loss "
        f"{loss_number(trial.judged_clip_loss)}"
    )
    return textwrap.fill(
        plain(f"{figures}: {quality.what}"),
        WIDTH,
        initial_indent=f"    {quality.name:<12}",
        subsequent_indent=" " * 16,
        break_on_hyphens=False,
    )
