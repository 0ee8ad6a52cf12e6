"""An emitted module: one measured trial for a pipe that its importer loaded."""

from __future__ import annotations

import re
from pathlib import Path

from accel_space.as_measured import pipe_differences, refuse_other_pipe, watched
from accel_space.installing import install
from generator.artefacts.rendering import carried_by, common, patches, render
from generator.artefacts.script import script_name
from generator.artefacts.source import Source
from generator.artefacts.values import applied, read_values
from storage.records.study import Study
from storage.records.trial import Trial


def module_name(study: Study, trial: Trial) -> str:
    """Name a trial's module, so that it can be imported.

    Args:
        study: The trial's study.
        trial: The trial.
    """
    return re.sub(r"\W", "_", Path(script_name(study, trial)).stem) + ".py"


def render_module(study: Study, trial: Trial, source: Source) -> str:
    """Write the module of a trial.

    Args:
        study: The trial's study.
        trial: The trial.
        source: Where the model is that was measured, as `find_source` found it.

    Raises:
        InputError: If the study holds what no study of ours can, or the trial accelerates nothing.
        RefusedError: If its methods do not go together.
    """
    values = read_values(study, trial)
    methods = applied(study, trial, values)
    carried = carried_by(
        methods,
        [refuse_other_pipe, pipe_differences, watched, install],
        {"collections.abc": ("Callable",), "typing": ("Any",), "warnings": ()},
        {"diffusers": (values.scheduler,)},
    )
    known = common(study, trial, values, methods, source)
    return render("module", **known, **carried, patch=patches(methods))
