"""The model that a study measures: the catalogue's own, a folder, or another address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from objectives.errors import InputError
from objectives.model_files.fingerprint import (
    EARLIER_DIGITS,
    earlier_fingerprint,
    fingerprint,
    split_fingerprint,
)
from objectives.model_files.hub import ADDRESS, fetch_model
from objectives.model_files.layout import INDEX, loaded_files, read_config
from objectives.pipelines.architecture import Architecture, read_architecture
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.entry import PipelineEntry
from storage.records.study import Origin

COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Model:
    """A model that is on this machine.

    Attributes:
        name: Its folder's name or its address, and its fingerprint.
        folder: Its folder in diffusers layout; None for a pipeline that a person has loaded.
        variant: The variant of its weights; None for plain file names.
        architecture: What its configurations say.
        origin: Where it was loaded from.
        pipe: A pipeline that a person has loaded, which is the model; None for files.
    """

    name: str
    folder: Path | None
    variant: str | None
    architecture: Architecture
    origin: Origin
    pipe: Any = None

    def is_measured(self, name: str) -> bool:
        """Whether it is the model that a protocol names, wherever that one was."""
        digits = split_fingerprint(name)[1]
        if len(digits) == EARLIER_DIGITS:
            return self.folder is not None and digits == earlier_fingerprint(self.folder)
        return digits == split_fingerprint(self.name)[1]


def find_model(entry: PipelineEntry, model: str | None, revision: str | None) -> Model:
    """Find the model of a study, fetching it if need be.

    Args:
        entry: The pipeline.
        model: A folder in diffusers layout or an address on the Hub; None means the entry's own.
        revision: A branch, tag or commit of an address.

    Raises:
        InputError: If there is no such model, it cannot be loaded, or it is another pipeline's.
    """
    folder = find_folder(entry, model, revision)
    if folder is not None:
        name, origin = folder.resolve().name, Origin(folder=model and str(folder.resolve()))
    else:
        name = str(model or entry.model)
        folder = fetch_model(name, revision, entry.pipeline_class, entry.variant)
        # The cache names a snapshot's folder after its commit.
        commit = folder.name if COMMIT.fullmatch(folder.name) else None
        origin = Origin(address=name, commit=commit)
    architecture, variant, files = _read(entry, folder)
    return Model(
        name=f"{name}@{fingerprint(files)}",
        folder=folder,
        variant=variant,
        architecture=architecture,
        origin=origin.model_copy(update={"variant": variant}),
    )


def find_folder(entry: PipelineEntry, model: str | None, revision: str | None) -> Path | None:
    """Find the folder that a model names; None if it names an address on the Hub.

    Args:
        entry: As in `find_model`.
        model: The model.
        revision: Its revision.

    Raises:
        InputError: If it names neither.
    """
    source = entry.model if model is None else model
    if isinstance(source, Path) or Path(source).is_dir():
        if revision is not None:
            raise InputError(f"--revision pins an address of the Hub, and {source} is a folder")
        return Path(source)
    if not ADDRESS.fullmatch(source):
        raise InputError(
            f"{source} is neither a folder nor an address such as owner/name; "
            "save a model with pipe.save_pretrained(FOLDER) and give --model FOLDER"
        )
    return None


def check_folder(entry: PipelineEntry, folder: Path) -> None:
    """Check a model folder as far as possible without loading it.

    Raises:
        InputError: If it cannot be loaded, or is another pipeline's.
    """
    _read(entry, folder)


def fingerprints(folder: Path) -> frozenset[str]:
    """Every fingerprint that studies of a folder can have, also of the earlier kind.

    Raises:
        InputError: If no pipeline of the catalogue can load it.
    """
    held = read_config(folder, INDEX).get("_class_name")
    refusal = InputError(f"no pipeline of the catalogue is a {held}, which {folder} holds")
    found = {earlier_fingerprint(folder)}
    for entry in PIPELINES.values():
        if entry.pipeline_class == held:
            # The files to load also depend on the pipeline: some use a variant of the weights.
            try:
                found.add(fingerprint(_read(entry, folder)[2]))
            except InputError as error:
                refusal = error
    if len(found) == 1:
        raise refusal
    return frozenset(found)


def is_own(entry: PipelineEntry, name: str) -> bool:
    """Whether the name in a protocol is the catalogue's own model of a pipeline.

    Args:
        entry: The pipeline.
        name: The model with its fingerprint, as a protocol has it.
    """
    plain, digits = split_fingerprint(name)
    if isinstance(entry.model, str):
        return plain == entry.model
    return digits in _embedded_fingerprints(entry.model)


def foreign_model(pipeline: str, name: str) -> str:
    """The model that a protocol names, if it is not the catalogue's own; otherwise empty.

    Args:
        pipeline: The pipeline's name; perhaps only an earlier release knew it.
        name: As in `is_own`.
    """
    entry = PIPELINES.get(pipeline)
    return "" if entry is not None and is_own(entry, name) else name


@cache
def _embedded_fingerprints(folder: Path) -> frozenset[str]:
    return fingerprints(folder)


def _read(
    entry: PipelineEntry, folder: Path
) -> tuple[Architecture, str | None, Mapping[str, Path]]:
    """A folder's architecture, the variant of its weights, and the files that are loaded."""
    architecture = read_architecture(folder, entry.pipeline_class)
    has_variant = entry.variant and any(folder.glob(f"*/*.{entry.variant}[.-]*safetensors"))
    variant = entry.variant if has_variant else None
    not_loaded = {part for part, value in entry.parts.items() if value is None}
    return architecture, variant, loaded_files(folder, not_loaded, variant)
