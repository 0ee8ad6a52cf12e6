"""A combination, and the one place that writes and reads a study's name."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import Field

from storage.records.record import Record, Some

BETWEEN = "--"
"""Separates the parts of a name. A part may hold single dashes, though not at its ends."""

STEPS = re.compile("[1-9][0-9]{0,8}")


class Combination(Record):
    """What a study accelerates, and with what.

    Attributes:
        pipeline: A name of the catalogue.
        scheduler: A scheduler's name.
        steps: num_inference_steps.
        methods: Names of the methods, in the order in which they are applied.
    """

    pipeline: str
    scheduler: str
    steps: Some
    # JSON has lists only, so a list is accepted too.
    methods: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]

    @property
    def method_names(self) -> str:
        """The methods in one word, such as `deepcache+tgate`."""
        return "+".join(self.methods)

    @property
    def name(self) -> str:
        """Such as `tiny-shapes--DDIM--20--deepcache+tgate`."""
        parts = (self.pipeline, self.scheduler, str(self.steps), self.method_names)
        return BETWEEN.join(parts)

    def study_name(self, digest: str) -> str:
        """The name of the study of this combination, with the digest of its protocol and device."""
        return f"{self.name}{BETWEEN}{digest}"

    @classmethod
    def read(cls, name: str) -> Combination | None:
        """The combination of a name; None if `name` did not write it: people name studies too."""
        parts = name.split(BETWEEN)
        if len(parts) != 4:
            return None
        pipeline, scheduler, steps, joined = parts
        methods = tuple(joined.split("+"))
        if not STEPS.fullmatch(steps) or not all((pipeline, scheduler, *methods)):
            return None
        return cls(pipeline=pipeline, scheduler=scheduler, steps=int(steps), methods=methods)


class StudyName(NamedTuple):
    """A study's name, taken apart.

    Attributes:
        combination: The combination; None if a person chose the name.
        digest: Distinguishes studies of one combination; the whole name if a person chose it.
    """

    combination: Combination | None
    digest: str

    @classmethod
    def read(cls, name: str) -> StudyName:
        """Split a name into its parts."""
        label, _, digest = name.rpartition(BETWEEN)
        return cls(Combination.read(label), digest)
