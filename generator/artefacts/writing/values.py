"""What reaches the code of an artefact from a trial, typed and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from keyword import iskeyword
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from accel_space.applying import accelerate_arguments, applied_methods, find_methods
from accel_space.family import Family
from accel_space.method import Method
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.schedulers import SCHEDULERS
from storage.records.protocol import Protocol
from storage.records.study import Study
from storage.records.trial import Trial


def _a_name(name: str) -> str:
    if iskeyword(name):
        raise ValueError("it is a word of Python")
    return name


_SettingName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,79}$"), AfterValidator(_a_name)]

Applied = tuple[Method, Mapping[str, Any]]
"""An applied method, with the keyword arguments of its `accelerate`."""


class Values(BaseModel):
    """What reaches the code from a trial; all of it comes from a database.

    Attributes:
        pipeline: A name of the catalogue.
        scheduler: Name of a diffusers scheduler class.
        scheduler_settings: Its settings on top of the pipeline's own configuration.
        scheduler_options: Names of those settings that the user chose.
        steps: num_inference_steps.
        methods: Names of methods.
        number: The trial's number.
        params: Its point.
        protocol: How it was measured.
        learned: By method, what its study learned from the plain pipe.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    pipeline: str
    scheduler: str = Field(pattern=r"^[A-Z][A-Za-z0-9]*Scheduler$")
    scheduler_settings: dict[_SettingName, bool | int | FiniteFloat | str]
    scheduler_options: frozenset[_SettingName] = frozenset()
    steps: int = Field(ge=1)
    methods: tuple[str, ...] = Field(min_length=1)
    number: int = Field(ge=0)
    params: dict[str, int | FiniteFloat]
    protocol: Protocol
    learned: dict[str, tuple[FiniteFloat, ...]] = Field(default_factory=dict)


def read_values(study: Study, trial: Trial) -> Values:
    """Take the values that reach the code from a trial.

    Raises:
        InputError: If the study holds values that none of ours can.
    """
    combination = study.combination
    scheduler = combination.scheduler
    try:
        return Values(
            pipeline=combination.pipeline,
            scheduler=SCHEDULERS.get(scheduler, scheduler),
            scheduler_settings=study.scheduler_settings,
            scheduler_options=frozenset(study.scheduler_options),
            steps=combination.steps,
            methods=combination.methods,
            number=trial.number,
            params=trial.params,
            protocol=study.protocol,
            learned=study.learned,
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"cannot write down trial {trial.number} of {study.name}: {name}: {first['msg']}"
        ) from error


def applied(study: Study, trial: Trial, values: Values) -> list[Applied]:
    """Choose the methods that an artefact applies, in order.

    The trial did not apply lossy methods that leave nothing out at its point, if that was kept.

    Raises:
        InputError: If the trial accelerates nothing.
        RefusedError: If its methods do not work together.
    """
    family: Family = find_pipeline(values.pipeline).family.values
    lossy_methods: Sequence[str] | None = trial.measurement.lossy_methods
    methods = [
        method
        for method in find_methods(values.methods)
        if method.is_lossless or lossy_methods is None or method.name in lossy_methods
    ]
    found: list[Applied] = [
        (
            method,
            accelerate_arguments(
                method, methods, values.params, values.steps, family, values.learned
            ),
        )
        for method in applied_methods(methods)
    ]
    if not found:
        raise InputError(f"trial {trial.number} of {study.name} accelerates nothing")
    return found


def was_on_gpu(trial: Trial) -> bool:
    """Whether a trial was measured on a GPU: only there is memory measured."""
    return trial.measurement.peak_memory_mib is not None
