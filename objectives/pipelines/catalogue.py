"""The pipelines that accelfront knows by name. Adding a pipeline is adding an entry."""

from __future__ import annotations

from objectives.errors import InputError
from objectives.pipelines.embedded import EMBEDDED
from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.published import PUBLISHED
from storage.foreign import shown
from storage.spelling import likely, suggested

PIPELINES = {entry.name: entry for entry in (*EMBEDDED, *PUBLISHED)}


def find_pipeline(name: str) -> PipelineEntry:
    """Look a pipeline up by its catalogue name; case does not matter.

    Raises:
        InputError: If the catalogue has no such pipeline.
    """
    by_case = {known.lower(): entry for known, entry in PIPELINES.items()}
    entry = by_case.get(name.lower())
    if entry is None:
        near, names = likely(name, PIPELINES), f"the catalogue has {', '.join(PIPELINES)}"
        if near is None:
            names += (
                "; another model of one of these families runs as `--pipeline SDXL --model "
                "FOLDER`; docs/adding-a-pipeline.md describes how to add a pipeline"
            )
        raise InputError(f"unknown pipeline {shown(name)}; {suggested(near, names)}")
    return entry
