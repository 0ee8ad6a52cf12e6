"""What all records share: they are immutable, and only hold what a database may hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

GREATEST = 1e9
"""No figure is greater than this; a database may hold any number."""

Number = Annotated[float, Field(allow_inf_nan=False, ge=-GREATEST, le=GREATEST)]

Positive = Annotated[float, Field(allow_inf_nan=False, gt=0, le=GREATEST)]

Count = Annotated[int, Field(ge=0, le=int(GREATEST))]

Some = Annotated[int, Field(ge=1, le=int(GREATEST))]
"""A count that is not 0."""

Learned = Annotated[tuple[Number, ...], Field(strict=False)]
"""What a method has learned from a plain pipe."""

Value = Annotated[int | float, Field(allow_inf_nan=False, ge=-GREATEST, le=GREATEST)]
"""A parameter's value; a whole number stays one."""


class Record(BaseModel):
    """A value that is stored as JSON and read back.

    Anybody can write to a database, so a record only accepts the types it names. It keeps fields
    that it does not know, which a later release may have written.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", ser_json_inf_nan="constants")

    def as_json(self) -> dict[str, Any]:
        """The fields that were given, as JSON: what was read is written back unchanged."""
        return self.model_dump(mode="json", exclude_unset=True)


def parsed(text: str) -> Any:
    """The value of a JSON text; None, which no record accepts, if it is no JSON."""
    try:
        return from_json(text)
    except ValueError:
        return None


def rounded(value: Any) -> Any:
    """Round figures as they are stored and told: to six digits, finer than any clock or score."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value
