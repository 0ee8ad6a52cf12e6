"""Options of a scheduler that a person chooses, checked against the scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Any

from objectives.errors import InputError
from objectives.pipelines.schedulers import Settings, make_scheduler, scheduler_settings
from storage.foreign import shown
from storage.spelling import likely

KINDS: dict[type, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int),
    str: (str,),
}
"""Types that an option accepts, by its default's type; without a default, whatever works."""

KIND_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a word",
}


def chosen_settings(
    name: str, config: Mapping[str, Any], pipeline_class: str, options: Mapping[str, Any]
) -> tuple[Settings, Settings]:
    """Work out a scheduler's settings if a person chooses some of them.

    Args:
        name: As in `scheduler_settings`.
        config: Contents of the pipeline's scheduler_config.json.
        pipeline_class: Name of the diffusers pipeline class.
        options: Arguments of the scheduler, by name.

    Returns:
        All settings for `make_scheduler`, and the options among them that change something.

    Raises:
        InputError: If the scheduler does not suit, or has no such option.
    """
    usual = scheduler_settings(name, config, pipeline_class)
    if not options:
        return usual, {}
    made = make_scheduler(name, config, usual)
    parameters = signature(type(made)).parameters
    read = {key: _checked(name, key, value, parameters) for key, value in options.items()}
    chosen = {key: value for key, value in read.items() if made.config[key] != value}
    settings = usual | chosen
    make_scheduler(name, config, settings)
    return settings, chosen


def _checked(name: str, key: str, value: Any, parameters: Mapping[str, Parameter]) -> Any:
    """An option's value, in the type that the scheduler uses for it."""
    if key not in parameters:
        near = likely(key, parameters)
        hint = f"did you mean {near}?" if near else f"it has {', '.join(parameters)}"
        raise InputError(f"--scheduler-option: {name} has no option {shown(key)}; {hint}")
    kind = type(parameters[key].default)
    if kind in KINDS and type(value) not in KINDS[kind]:
        raise InputError(
            f"--scheduler-option {key} of {name} takes {KIND_WORDS[kind]}, and {shown(value)} was "
            "given"
        )
    return float(value) if kind is float else value
