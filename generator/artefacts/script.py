"""An emitted script: one measured trial as a program that runs without accelfront."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import jinja2
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from accel_space.applying import accelerate_arguments, applied_methods, find_methods
from accel_space.family import Family
from accel_space.method import Method
from generator.artefacts.carried import carry
from generator.artefacts.provenance import provenance, title
from generator.artefacts.source import Source
from generator.artefacts.written import WIDTH, literal, literals
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.schedulers import CARRIED, SCHEDULERS
from storage.records.combination import StudyName
from storage.records.protocol import Protocol
from storage.records.study import Study
from storage.records.trial import Trial

TEMPLATES = Path(__file__).parent / "templates"

LIBRARIES = ("torch", "diffusers", "transformers")
"""What every script needs, as pip names it; a method's library comes on top."""


_SettingName = Annotated[str, Field(pattern=f"^({'|'.join(CARRIED)})$")]


class _Values(BaseModel):
    """What of a trial reaches the code, typed and checked; all of it comes from a database.

    Attributes:
        pipeline: A name of the catalogue.
        scheduler: Name of a diffusers scheduler class.
        scheduler_settings: What it is given besides the pipeline's own configuration.
        steps: num_inference_steps.
        methods: Names of methods.
        number: The trial's number.
        params: Its point.
        protocol: How it was measured.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    pipeline: str
    scheduler: str = Field(pattern=r"^[A-Z][A-Za-z0-9]*Scheduler$")
    scheduler_settings: dict[_SettingName, bool | int | FiniteFloat | str]
    steps: int = Field(ge=1)
    methods: tuple[str, ...] = Field(min_length=1)
    number: int = Field(ge=0)
    params: dict[str, int | FiniteFloat]
    protocol: Protocol


def script_name(study: Study, trial: Trial) -> str:
    """Name a trial's script: of letters, digits, dots and dashes, and unique to the trial.

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

    All that is free text, such as the names of the device and of the model's folder, goes through
    `literal` or `plain`; all else is a number or a name that the catalogue knows.

    Args:
        study: The trial's study.
        trial: The trial.
        source: What the script loads by default, as `find_source` found it.

    Raises:
        InputError: If the study holds what no study of ours can, or the trial accelerates nothing.
        RefusedError: If its methods do not go together.
    """
    values = _read(study, trial)
    entry = find_pipeline(values.pipeline)
    protocol = values.protocol
    applied = _applied(values, entry.family.values, trial.measurement.lossy_methods)
    if not applied:
        raise InputError(f"trial {trial.number} of {study.name} accelerates nothing")
    is_lossless = any(method.is_lossless for method, _ in applied)
    carried = carry(
        function
        for method, arguments in applied
        for function in (method.accelerate, *_functions(arguments))
    )
    imports = _imports(
        {"pathlib": ("Path",), "typing": ("Any",), "torch": ()},
        {"logging": ()} if is_lossless else {},
        {"diffusers": (values.scheduler, entry.pipeline_class)},
        carried.imports,
    )
    return _template().render(
        title=title(entry.name, values.scheduler, values.steps, values.methods),
        provenance=provenance(study, trial, protocol),
        own_imports=[line for module, line in imports if _is_standard(module)],
        library_imports=[
            line
            for module, lines in imports
            if not _is_standard(module)
            for line in lines.split("\n")
        ],
        packages=_packages(study, [method.library for method, _ in applied]),
        study=literal(study.name),
        trial=values.number,
        model=literals(source.model),
        revision=source.revision and literal(source.revision),
        variant=source.variant and literal(source.variant),
        pipeline_class=entry.pipeline_class,
        scheduler_class=values.scheduler,
        scheduler_settings={
            name: literal(value) if isinstance(value, str) else value
            for name, value in sorted(values.scheduler_settings.items())
        },
        parts=entry.parts,
        gpu_dtype=entry.family.gpu_dtype,
        steps=values.steps,
        guidance_scale=protocol.guidance_scale,
        height=protocol.height,
        width=protocol.width,
        constants=carried.constants.values(),
        functions=carried.functions.values(),
        patch=_patches(applied),
        warms_up=is_lossless,
        needs_gpu=any(method.needs_gpu for method, _ in applied),
        arguments=entry.family.call,
    )


def _read(study: Study, trial: Trial) -> _Values:
    combination = study.combination
    scheduler = combination.scheduler
    try:
        return _Values(
            pipeline=combination.pipeline,
            scheduler=SCHEDULERS.get(scheduler, scheduler),
            scheduler_settings=study.scheduler_settings,
            steps=combination.steps,
            methods=combination.methods,
            number=trial.number,
            params=trial.params,
            protocol=study.protocol,
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"cannot write a script of trial {trial.number} of {study.name}: {name}: {first['msg']}"
        ) from error


def _applied(
    values: _Values, family: Family, lossy_methods: Sequence[str] | None
) -> list[tuple[Method, dict[str, Any]]]:
    """The methods that a script applies, in that order, with what each is given by keyword.

    Args:
        values: What is known of the trial.
        family: The pipeline's.
        lossy_methods: Those that leave something out at its point; None if that was not kept. The
            trial did not apply the other lossy ones.
    """
    methods = [
        method
        for method in find_methods(values.methods)
        if method.is_lossless or lossy_methods is None or method.name in lossy_methods
    ]
    return [
        (method, accelerate_arguments(method, methods, values.params, values.steps, family))
        for method in applied_methods(methods)
    ]


def _functions(arguments: Mapping[str, Any]) -> list[Callable[..., Any]]:
    """The functions among the arguments of an `accelerate`, which stand in lists."""
    lists = [value for value in arguments.values() if isinstance(value, list)]
    return [each for value in lists for each in value if callable(each)]


def _patches(applied: Iterable[tuple[Method, Mapping[str, Any]]]) -> list[str]:
    """The statements that apply methods to `pipe`, each to what the one before has left."""
    lines = []
    generate = "pipe"
    for method, arguments in applied:
        written = [f"{name}={_written(value)}" for name, value in arguments.items()]
        call = f"{method.accelerate.__name__}(pipe, {generate}"
        line = f"accelerated = {', '.join([call, *written])})"
        if 4 + len(line) > WIDTH:
            taken = ["pipe", generate, *written]
            line = f"accelerated = {method.accelerate.__name__}(\n"
            line += "".join(f"    {each},\n" for each in taken) + ")"
        lines += line.split("\n")
        generate = "accelerated"
    return lines


def _written(value: Any) -> str:
    """Write a number, a text, or several of them or of functions."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, tuple):
        comma = "," if len(value) == 1 else ""
        return f"({', '.join(map(_written, value))}{comma})"
    if callable(value):
        return str(value.__name__)
    return literal(value) if isinstance(value, str) else repr(value)


def _packages(study: Study, needed: Sequence[str]) -> list[str]:
    """What pip is to install, in the versions of the measurement as far as they are known."""
    libraries = dict.fromkeys([*LIBRARIES, *filter(None, needed)])
    packages = []
    for library in libraries:
        # Without the build, as in 2.12.0+cpu, which no index of packages has.
        version = study.versions.get(library, "").partition("+")[0]
        packages.append(f"{library}=={version}" if re.fullmatch(r"[\w.]+", version) else library)
    return packages


def _imports(*wanted: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Modules and the lines that import them, plain imports first."""
    names: dict[str, set[str]] = {}
    for imports in wanted:
        for module, some in imports.items():
            names.setdefault(module, set()).update(some)
    ordered = sorted(names.items(), key=lambda item: (bool(item[1]), item[0].lower()))
    return [(module, _import_line(module, sorted(some))) for module, some in ordered]


def _import_line(module: str, names: Sequence[str]) -> str:
    if not names:
        return f"import {module}"
    line = f"from {module} import {', '.join(names)}"
    # It stands four columns in.
    if len(line) + 4 <= WIDTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("script.py.jinja")
