"""An emitted module: one measured trial, applied to a pipe that the caller has loaded."""

from __future__ import annotations

import re
from pathlib import Path

from accel_space.handed_over import as_measured, installing
from generator.artefacts.script import script_name
from generator.artefacts.source import Source
from generator.artefacts.writing.rendering import carried_by, common, patches, render
from generator.artefacts.writing.values import applied, read_values
from storage.records.study import Study
from storage.records.trial import Trial

CARRIED = [
    *(
        (as_measured.__name__, name)
        for name in ("refuse_other_pipe", "pipe_differences", "watched")
    ),
    *((installing.__name__, name) for name in ("mark", "install")),
]


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
        source: Where the measured model is, as `find_source` found it.

    Raises:
        InputError: If the study holds what none of ours can, or the trial accelerates nothing.
        RefusedError: If its methods do not work together.
    """
    values = read_values(study, trial)
    methods = applied(study, trial, values)
    carried = carried_by(
        methods,
        CARRIED,
        {"collections.abc": ("Callable",), "typing": ("Any",), "warnings": ()},
        {"diffusers": (values.scheduler,)},
    )
    known = common(study, trial, values, methods, source)
    return render("module", **known, **carried, patch=patches(methods))
