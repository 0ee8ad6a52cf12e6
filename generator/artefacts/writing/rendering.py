"""Writing artefacts: what scripts, modules and services have in common."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from accel_space.applying import held_settings
from generator.artefacts.source import Source
from generator.artefacts.writing.carried import Carried, carry
from generator.artefacts.writing.provenance import provenance, title
from generator.artefacts.writing.values import Applied, Values, was_on_gpu
from generator.artefacts.writing.written import WIDTH, literal, literals
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.loras import LIBRARY as PEFT
from storage.records.protocol import Protocol
from storage.records.study import Study
from storage.records.trial import Trial

TEMPLATES = Path(__file__).parents[1] / "templates"

LIBRARIES = ("torch", "diffusers", "transformers")
"""The libraries that every artefact needs, as pip names them; methods add theirs."""


def render(template: str, **values: Any) -> str:
    """Write an artefact.

    All free text, such as the names of the device and of the model's folder, goes through
    `literal` or `plain`; everything else is a number or a name that the catalogue knows.

    Args:
        template: The name of a file in `TEMPLATES`.
        values: The template's variables.
    """
    return _environment().get_template(f"{template}.py.jinja").render(values)


def common(
    study: Study, trial: Trial, values: Values, methods: Sequence[Applied], source: Source
) -> dict[str, Any]:
    """Collect what all artefacts of a trial say.

    Args:
        study: The trial's study.
        trial: The trial.
        values: The values that reach the code.
        methods: The methods that it applies.
        source: Where its model is, as `find_source` found it.
    """
    entry = find_pipeline(values.pipeline)
    protocol = values.protocol
    held = held_settings((method for method, _ in methods), entry.family.values)
    return {
        "title": title(entry.name, values.scheduler, values.steps, values.methods),
        "provenance": provenance(study, trial, protocol),
        "packages": packages(
            study,
            [*(method.library for method, _ in methods), PEFT if source.loras else ""],
        ),
        "study": literal(study.name),
        "trial": values.number,
        "model": literals(source.model),
        "revision": source.revision and literal(source.revision),
        "variant": source.variant and literal(source.variant),
        "loras": [(literals(path, indent=12), scale) for path, scale in source.loras],
        "pipeline_class": entry.pipeline_class,
        "denoiser": entry.family.values.denoiser,
        "scheduler_class": values.scheduler,
        "scheduler_settings": {
            name: literal(value) if isinstance(value, str) else value
            for name, value in sorted(values.scheduler_settings.items())
        },
        "scheduler_options": values.scheduler_options,
        "parts": entry.parts,
        "dtype": protocol.dtype,
        "steps": values.steps,
        "guidance_scale": protocol.guidance_scale,
        "guidance_keyword": entry.family.values.guidance_keyword,
        "needs_negative": entry.family.values.second_call,
        "takes_negative": _takes_negative(entry, protocol),
        "guided_above": entry.family.values.guided_above,
        "negative_prompt": protocol.negative_prompt and literals(protocol.negative_prompt),
        "height": protocol.height,
        "width": protocol.width,
        "arguments": entry.call,
        "steps_stay": "num_inference_steps" in held,
        "size_stays": bool({"height", "width"} & held.keys()),
        "remarks": _remarks(values, held, methods),
        "batch_size": protocol.batch_size,
        "decides_together": protocol.batch_size > 1
        and any(method.has_hit is not None for method, _ in methods),
        "held": {name: literals(why) for name, why in held.items()},
        "warms_up": any(method.is_lossless for method, _ in methods),
        "needs_gpu": any(method.needs_gpu for method, _ in methods),
        "was_on_gpu": was_on_gpu(trial),
    }


def _takes_negative(entry: PipelineEntry, protocol: Protocol) -> bool:
    """Whether pictures can be guided away from something."""
    profile, family = entry.architecture.profile(protocol.height, protocol.width), entry.family
    is_guided = protocol.guidance_scale > family.values.guided_above
    return family.values.second_call or (is_guided and profile.guidance == "halves")


def _remarks(values: Values, held: Mapping[str, str], methods: Sequence[Applied]) -> list[str]:
    """Say which options a script lacks, which batches the trial's pictures need, and why.

    Returns:
        Lines for the script's head.
    """
    protocol = values.protocol
    said = {
        "num_inference_steps": f"The number of steps stays {values.steps}",
        "height": f"The size stays {protocol.width}x{protocol.height}",
    }
    sentences = [f"{words}: {held[name]}." for name, words in said.items() if name in held]
    sentences += [
        f"{method.title} decides for a whole batch, and was measured in batches of "
        f"{protocol.batch_size}: other batches hit at other steps and give other pictures."
        for method, _ in methods
        if method.has_hit is not None
    ]
    return [line for sentence in sentences for line in textwrap.wrap(sentence, WIDTH)]


def carried_by(
    methods: Iterable[Applied],
    others: Iterable[tuple[str, str]],
    *imports: Mapping[str, tuple[str, ...]],
) -> dict[str, Any]:
    """Collect the source that an artefact carries, with all its imports.

    Args:
        methods: The methods that it applies.
        others: What else it calls: a module of ours and a name each.
        imports: The imports of its own code: names by module.
    """
    functions = [
        function
        for method, arguments in methods
        for function in (method.accelerate, *_functions(arguments))
    ]
    definitions = [(function.__module__, function.__name__) for function in functions]
    carried: Carried = carry([*definitions, *others])
    lines = _imports(*imports, carried.imports)
    return {
        "own_imports": [line for module, line in lines if _is_standard(module)],
        "library_imports": [
            line for module, text in lines if not _is_standard(module) for line in text.split("\n")
        ],
        "constants": carried.constants.values(),
        "functions": carried.functions.values(),
    }


def patches(methods: Iterable[Applied], captures: bool = False) -> list[str]:
    """Write the statements that patch `pipe`, each on top of the `generate` of the one before.

    Args:
        methods: The methods to apply.
        captures: Whether the name `captures` exists, which keeps what is captured.
    """
    lines = []
    for method, arguments in methods:
        words = [_argument(name, value) for name, value in arguments.items()]
        if captures and method.needs_gpu:
            words.append("captures=captures")
        line = f"generate = {method.accelerate.__name__}({', '.join(['pipe', 'generate', *words])})"
        if 4 + len(line) > WIDTH:
            line = f"generate = {method.accelerate.__name__}(\n"
            line += "".join(f"    {each},\n" for each in ["pipe", "generate", *words]) + ")"
        lines += line.split("\n")
    return lines


def _argument(name: str, value: Any) -> str:
    """Write an argument; if a list does not fit into its line, each item takes one."""
    words = f"{name}={_written(value)}"
    # It is indented by eight columns, and a comma follows.
    if not isinstance(value, tuple) or 8 + len(words) + 1 <= WIDTH:
        return words
    return f"{name}=(\n" + "".join(f"        {_written(each)},\n" for each in value) + "    )"


def _functions(arguments: Mapping[str, Any]) -> list[Callable[..., Any]]:
    """The functions among the arguments of an `accelerate`, which are in lists."""
    lists = [value for value in arguments.values() if isinstance(value, list)]
    return [each for value in lists for each in value if callable(each)]


def _written(value: Any) -> str:
    """Write a number, a text, or a list of them or of functions."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, tuple):
        comma = "," if len(value) == 1 else ""
        return f"({', '.join(map(_written, value))}{comma})"
    if callable(value):
        return str(value.__name__)
    return literal(value) if isinstance(value, str) else repr(value)


def packages(study: Study, needed: Iterable[str]) -> list[str]:
    """Say what pip should install, in the measured versions if they are known.

    Args:
        study: The study that measured.
        needed: Libraries needed in addition to `LIBRARIES`; empty names are left out.
    """
    libraries = dict.fromkeys([*LIBRARIES, *filter(None, needed)])
    found = []
    for library in libraries:
        # Without the build, as in 2.12.0+cpu: no package index has those.
        version = study.versions.get(library, "").partition("+")[0]
        found.append(f"{library}=={version}" if re.fullmatch(r"[\w.]+", version) else library)
    return found


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
    # It is indented by four columns.
    if len(line) + 4 <= WIDTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
