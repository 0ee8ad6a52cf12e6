"""The kinds of file that a chosen point can be handed over as."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from generator.artefacts.module import module_name, render_module
from generator.artefacts.point import Point
from generator.artefacts.script import render_script, script_name
from generator.artefacts.serving.service import render_service, service_name
from generator.artefacts.source import find_source
from generator.choice import Choice
from storage.records.study import Study
from storage.records.trial import Trial

Kind = Literal["script", "module", "json", "service"]


@dataclass(frozen=True)
class Artefact:
    """A kind of file.

    Attributes:
        name: Names the file of a trial of a study.
        render: Writes its text for a choice. The second argument is the model's folder or address
            given by the user, None for the study's. The third is a list of files that may be the
            study's LoRAs, if those have moved.
        draws: How it draws, compared with a study that timed batches.
    """

    name: Callable[[Study, Trial], str]
    render: Callable[[Choice, str | None, Sequence[Path]], str]
    draws: str


def _script(choice: Choice, model: str | None, loras: Sequence[Path]) -> str:
    return render_script(choice.study, choice.trial, find_source(choice.study, model, loras))


def _module(choice: Choice, model: str | None, loras: Sequence[Path]) -> str:
    return render_module(choice.study, choice.trial, find_source(choice.study, model, loras))


def _service(choice: Choice, model: str | None, loras: Sequence[Path]) -> str:
    return render_service(choice, find_source(choice.study, model, loras))


def _point(choice: Choice, _: str | None, __: Sequence[Path]) -> str:
    return Point.of(choice.study, choice.trial, choice.budgets).text()


def _point_name(study: Study, trial: Trial) -> str:
    return script_name(study, trial).removesuffix(".py") + ".json"


ARTEFACTS: dict[Kind, Artefact] = {
    "script": Artefact(
        script_name, _script, "the script draws one prompt alone, several in such batches"
    ),
    "module": Artefact(
        module_name, _module, "the module draws as many at a time as its caller asks for"
    ),
    "json": Artefact(
        _point_name, _point, "a pipeline with the point draws as many as its caller asks for"
    ),
    "service": Artefact(
        service_name,
        _service,
        "the service draws at most as many at a time on a GPU, and one on a CPU by default",
    ),
}
