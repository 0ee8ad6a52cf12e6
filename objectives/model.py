"""Which model a study measures: the catalogue's own, a folder, or another address."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from objectives.architecture import Architecture, read_architecture
from objectives.catalogue import PipelineEntry
from objectives.errors import InputError
from objectives.hub import ADDRESS, fetch_model
from objectives.protocol import folder_fingerprint


@dataclass(frozen=True)
class Model:
    """A model that is on this machine.

    Attributes:
        name: Its folder's name or its address, and its fingerprint.
        folder: Where it is, in diffusers layout.
        variant: The variant of its weights; None for plain file names.
        architecture: What its configurations say.
    """

    name: str
    folder: Path
    variant: str | None
    architecture: Architecture


def find_model(entry: PipelineEntry, model: str | None, revision: str | None) -> Model:
    """Find the model of a study, fetching it if need be.

    Args:
        entry: The pipeline.
        model: A folder in diffusers layout or an address on the Hub; None is the entry's own.
        revision: A branch, tag or commit of an address.

    Raises:
        InputError: If there is no such model, or it is another pipeline's.
    """
    source = entry.model if model is None else model
    if isinstance(source, Path) or Path(source).is_dir():
        if revision is not None:
            raise InputError(f"--revision pins an address of the Hub, and {source} is a folder")
        folder, name = Path(source), Path(source).resolve().name
    elif ADDRESS.fullmatch(source):
        folder = fetch_model(source, revision, entry.pipeline_class, entry.variant)
        name = source
    else:
        raise InputError(
            f"{source} is neither a folder nor an address such as owner/name; "
            "save a model with pipe.save_pretrained(FOLDER) and give --model FOLDER"
        )
    architecture = read_architecture(folder, entry.pipeline_class)
    has_variant = any(folder.glob(f"*/*.{entry.variant}.safetensors"))
    return Model(
        name=f"{name}@{folder_fingerprint(folder)}",
        folder=folder,
        variant=entry.variant if has_variant else None,
        architecture=architecture,
    )
