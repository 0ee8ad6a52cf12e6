"""An emitted script: one measured trial as a program that runs without accelfront."""

from __future__ import annotations

import hashlib
import re

from generator.artefacts.source import Source
from generator.artefacts.writing.rendering import carried_by, common, patches, render
from generator.artefacts.writing.values import applied, read_values
from storage.records.combination import StudyName
from storage.records.study import Study
from storage.records.trial import Trial


def script_name(study: Study, trial: Trial) -> str:
    """Name a trial's script: letters, digits, dots and dashes, unique to the trial.

    Args:
        study: The trial's study.
        trial: The trial.
    """
    combination = study.combination
    digest = StudyName.read(study.name).digest
    if not re.fullmatch("[0-9a-f]{8}", digest):
        digest = hashlib.sha256(study.name.encode()).hexdigest()[:8]
    parts = (
        combination.pipeline,
        combination.scheduler,
        str(combination.steps),
        *combination.methods,
        digest,
        f"trial{trial.number}",
    )
    words = (re.sub("[^a-z0-9.]+", "-", part.lower()).strip("-.") for part in parts)
    return "-".join(words) + ".py"


def render_script(study: Study, trial: Trial, source: Source) -> str:
    """Write the script of a trial.

    Args:
        study: The trial's study.
        trial: The trial.
        source: What the script loads by default, as `find_source` found it.

    Raises:
        InputError: If the study holds what none of ours can, or the trial accelerates nothing.
        RefusedError: If its methods do not work together.
    """
    values = read_values(study, trial)
    methods = applied(study, trial, values)
    known = common(study, trial, values, methods, source)
    carried = carried_by(
        methods,
        [],
        {"pathlib": ("Path",), "typing": ("Any",), "torch": ()},
        {"logging": ()} if known["warms_up"] else {},
        {"diffusers": (values.scheduler, known["pipeline_class"])},
    )
    return render("script", **known, **carried, patch=patches(methods))
