"""What all records share: they cannot change, and hold what a database may hold of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

GREATEST = 1e9
"""No figure is greater; a database may hold any number."""

Number = Annotated[float, Field(allow_inf_nan=False, ge=-GREATEST, le=GREATEST)]

Positive = Annotated[float, Field(allow_inf_nan=False, gt=0, le=GREATEST)]

Count = Annotated[int, Field(ge=0, le=int(GREATEST))]

Some = Annotated[int, Field(ge=1, le=int(GREATEST))]
"""A count that is not 0."""

Learned = Annotated[tuple[Number, ...], Field(strict=False)]
"""What a method has learned of a plain pipe."""

Value = Annotated[int | float, Field(allow_inf_nan=False, ge=-GREATEST, le=GREATEST)]
"""A parameter's value; a whole number stays one."""


class Record(BaseModel):
    """A value that is stored as JSON and read back.

    Anybody can write to a database, so a record takes nothing but the types it names. It keeps the
    fields that it does not know, which a later release may have written.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", ser_json_inf_nan="constants")

    def as_json(self) -> dict[str, Any]:
        """The fields that were given, as JSON has them: what was read is written back equal."""
        return self.model_dump(mode="json", exclude_unset=True)


def parsed(text: str) -> Any:
    """What a JSON text holds; None, which no record takes, if it is none."""
    try:
        return from_json(text)
    except ValueError:
        return None
