"""What the parser of the command line refuses, worded like our own errors."""

from __future__ import annotations

import typer

from storage.foreign import shown
from storage.spelling import likely

RULES = {
    "int": "must be a whole number",
    "float": "must be a number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
"""The values that an option takes, by the beginning of pydantic's name of an error."""


def refusal(error: typer.TyperException, command: str) -> str:
    """The rule, the value and the next step.

    Args:
        error: What typer raised.
        command: The command that it concerns, such as `accelfront study`.
    """
    return f"{_fault(error)} `{command} --help` shows what it takes"


def _fault(error: typer.TyperException) -> str:
    """The fault, with its full stop."""
    facts = vars(error)
    if isinstance(error, typer.BadParameter):
        return f"{_bad_value(error)};"
    if "possibilities" in facts:
        near = likely(facts["option_name"], facts["possibilities"] or ())
        unknown = f"there is no option {shown(facts['option_name'])};"
        return f"{unknown} did you mean {near}?" if near else unknown
    words = error.message[:1].lower() + error.message[1:]
    return words if words.endswith("?") else f"{words.rstrip('.')};"


def _bad_value(error: typer.BadParameter) -> str:
    name = error.param.get_error_hint().strip("'.") if error.param else ""
    if not error.message:
        return f"{name if name.startswith('-') else name.upper()} is missing"
    # Typer also imports it late.
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError):
        return f"{name}: {error.message}"
    fault = error.__cause__.errors()[0]
    for beginning, rule in RULES.items():
        if fault["type"].startswith(beginning):
            told = rule.format(**fault.get("ctx", {}))
            return f"{name} {told}, and {shown(fault['input'])} was given"
    # Typer's own words, without pydantic's prefix.
    return f"{name}: {fault['msg'].removeprefix('Value error, ').rstrip('.')}"
