"""An emitted script: one measured trial as a program that runs without accelfront."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import jinja2
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from accel_space.method import Code
from accel_space.methods import METHODS
from accel_space.stack import stack_code
from generator.source import Source
from objectives.catalogue import PipelineEntry, find_pipeline
from objectives.errors import InputError
from objectives.protocol import Protocol
from objectives.schedulers import CARRIED, SCHEDULERS
from storage.records import StudyRecord, TrialRecord

TEMPLATES = Path(__file__).parent / "templates"

WIDTH = 88
"""Longest line of a script: what ruff and black take unless told otherwise."""

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
    methods: list[str] = Field(min_length=1)
    number: int = Field(ge=0)
    params: dict[str, int | FiniteFloat]
    protocol: Protocol


def script_name(study: StudyRecord, trial: TrialRecord) -> str:
    """Name a trial's script: of letters, digits, dots and dashes, and unique to the trial.

    Args:
        study: The trial's study.
        trial: The trial.
    """
    combination = study.combination
    digest = study.name.rpartition("--")[2]
    if not re.fullmatch("[0-9a-f]{8}", digest):
        digest = hashlib.sha256(study.name.encode()).hexdigest()[:8]
    parts = (
        combination["pipeline"],
        combination["scheduler"],
        str(combination["steps"]),
        *combination["methods"],
        digest,
        f"trial{trial.number}",
    )
    words = (re.sub("[^a-z0-9.]+", "-", part.lower()).strip("-.") for part in parts)
    return "-".join(words) + ".py"


def render_script(study: StudyRecord, trial: TrialRecord, source: Source) -> str:
    """Write the script of a trial.

    All that is free text, such as the names of the device and of the model's folder, goes through
    `literal` or `plain`; all else is a number or a name that the catalogue knows.

    Args:
        study: The trial's study.
        trial: The trial.
        source: What the script loads by default, as `find_source` found it.

    Raises:
        InputError: If the study holds what no study of ours can.
        RefusedError: If its methods do not go together.
    """
    values = _read(study, trial)
    entry = find_pipeline(values.pipeline)
    protocol = values.protocol
    codes = _codes(values, entry)
    arguments = {key: value for code in codes for key, value in code.arguments.items()}
    imports = _imports(
        {"pathlib": ("Path",), "typing": ("Any",), "torch": ()},
        {"diffusers": (values.scheduler, entry.pipeline_class)},
        *(code.imports for code in codes),
    )
    return _template().render(
        title=_title(values, entry),
        provenance=_provenance(study, trial, values),
        own_imports=[line for module, line in imports if _is_standard(module)],
        library_imports=_lines(line for module, line in imports if not _is_standard(module)),
        packages=_packages(study, codes),
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
        steps=values.steps,
        guidance_scale=protocol.guidance_scale,
        height=protocol.height,
        width=protocol.width,
        functions=_sources(codes),
        patch=_lines(line for code in codes for line in code.patch),
        before_call=_lines(line for code in codes for line in code.before_call),
        call=next((code.call for code in codes if code.call), "pipe"),
        arguments={**entry.call, **arguments},
    )


def literal(text: str) -> str:
    """Write a text as Python source that means it and nothing else."""
    # In ASCII, so that what looks like one character is one.
    written = ascii(text)
    return f'"{written[1:-1]}"' if written[0] == "'" and '"' not in written else written


def literals(text: str) -> list[str]:
    """Write a text as literals that mean it together, each short enough for an indented line."""
    pieces = [""]
    for character in text:
        if 4 + len(literal(pieces[-1] + character)) > WIDTH:
            pieces.append("")
        pieces[-1] += character
    return [literal(piece) for piece in pieces]


def plain(text: str) -> str:
    """Keep of a text what can end neither a docstring nor a line of one."""
    return re.sub(r"[^\w .,:;@()+/%=-]", "?", text, flags=re.ASCII)


def _read(study: StudyRecord, trial: TrialRecord) -> _Values:
    combination = study.combination
    scheduler = combination["scheduler"]
    try:
        return _Values(
            pipeline=combination["pipeline"],
            scheduler=SCHEDULERS.get(scheduler, scheduler),
            scheduler_settings=study.scheduler_settings,
            steps=combination["steps"],
            methods=combination["methods"],
            number=trial.number,
            params=trial.params,
            protocol=Protocol.model_validate(study.protocol),
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"no script can be written of trial {trial.number} of {study.name}: "
            f"{name}: {first['msg']}"
        ) from error


def _codes(values: _Values, entry: PipelineEntry) -> list[Code]:
    try:
        return stack_code(values.params, entry.pipeline_class, values.methods)
    except KeyError as error:
        raise InputError(
            f"a trial of {'+'.join(values.methods)} with {entry.name} has no {error}"
        ) from error


def _title(values: _Values, entry: PipelineEntry) -> str:
    titles = [METHODS[method].title for method in values.methods]
    title = (
        f"{entry.name} with {values.scheduler} in {values.steps} steps, "
        f"accelerated by {_listed(titles)}."
    )
    return textwrap.fill(title, WIDTH - len('"""'))


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _provenance(study: StudyRecord, trial: TrialRecord, values: _Values) -> str:
    """What was measured, where and by which trial, for people."""
    measured, protocol = trial.measurement, values.protocol
    speed_low, speed_high = (float(end) for end in measured["speedup_ci"])
    loss_low, loss_high = (float(end) for end in measured["clip_loss_ci"])
    rows = {
        "trial": f"{values.number} of {study.name}",
        "parameters": ", ".join(f"{name}={value:g}" for name, value in values.params.items()),
        "speedup": f"{float(trial.speedup):.2f}x (95%: {speed_low:.2f} to {speed_high:.2f})",
        "latency": f"{float(measured['latency_s']):.3g} s a picture "
        f"{'drawn alone' if protocol.batch_size == 1 else f'in batches of {protocol.batch_size}'}, "
        f"{float(measured['baseline_latency_s']):.3g} s without acceleration",
        "CLIP loss": f"{float(trial.clip_loss):.4f} (95%: {loss_low:.4f} to {loss_high:.4f})",
        **_confirmation(trial),
        "pictures": f"{protocol.num_samples} of {protocol.height}x{protocol.width} pixels, "
        f"{protocol.batch_size} at a time, {protocol.dtype}, seeds from {protocol.seed} on",
        "prompts": protocol.prompts,
        "model": protocol.model,
        "scorer": protocol.scorer,
        "device": study.device,
        "versions": ", ".join(f"{name}=={version}" for name, version in study.versions.items()),
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


def _confirmation(trial: TrialRecord) -> dict[str, str]:
    """What the trial came to on prompts that the search did not see, if that was measured."""
    if trial.confirmed is None:
        return {}
    fast, speed_low, speed_high, loss, loss_low, loss_high = (
        float(trial.confirmed[name] if end is None else trial.confirmed[f"{name}_ci"][end])
        for name in ("speedup", "clip_loss")
        for end in (None, 0, 1)
    )
    return {
        "confirmed": f"{fast:.2f}x ({speed_low:.2f} to {speed_high:.2f}), CLIP loss {loss:.4f} "
        f"({loss_low:.4f} to {loss_high:.4f}) on {int(trial.confirmed['samples'])} prompts that "
        "the search did not see"
    }


def _packages(study: StudyRecord, codes: Sequence[Code]) -> list[str]:
    """What pip is to install, in the versions of the measurement as far as they are known."""
    libraries = dict.fromkeys([*LIBRARIES, *(code.library for code in codes if code.library)])
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


def _sources(codes: Sequence[Code]) -> list[str]:
    functions: dict[Callable[..., Any], None] = {
        function: None for code in codes for function in code.functions
    }
    return [inspect.getsource(function).rstrip() for function in functions]


def _lines(statements: Iterable[str]) -> list[str]:
    return [line for statement in statements for line in statement.split("\n")]


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
