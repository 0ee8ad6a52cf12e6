"""Where the script of a study loads its model from: a place that is known to hold that model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from objectives.errors import InputError
from objectives.model_files.fingerprint import file_fingerprint, is_loaded, split_fingerprint
from objectives.model_files.hub import ADDRESS
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.given import SAVE_FUSED, loaded_fingerprint
from objectives.pipelines.model import COMMIT, fingerprints, foreign_model, is_own
from objectives.settings.measured import lora_path
from storage.records.protocol import Lora
from storage.records.study import Origin, Study


@dataclass(frozen=True)
class Source:
    """What a script loads by default.

    Attributes:
        model: A folder or an address.
        revision: The commit of an address; None if it is not known.
        variant: The variant of its weights, if it has one.
        loras: Paths and scales of the LoRAs fused into them.
    """

    model: str
    revision: str | None = None
    variant: str | None = None
    loras: tuple[tuple[str, float], ...] = ()


def find_source(study: Study, given: str | None = None, given_loras: Sequence[Path] = ()) -> Source:
    """Find what the scripts of a study should load.

    Args:
        study: The study.
        given: The folder or address that the user names; None means the study's own place.
        given_loras: Files that may be the study's LoRAs, if those have moved.

    Raises:
        InputError: If no known place holds the model that the study measured.
    """
    loras = tuple(
        (str(_find_lora(study, lora, given_loras)), lora.scale) for lora in study.protocol.loras
    )
    return replace(_find_model(study, given), loras=loras)


def _find_model(study: Study, given: str | None) -> Source:
    """Where the model of a study is."""
    entry = find_pipeline(study.combination.pipeline)
    measured = study.protocol.model
    if is_loaded(measured):
        return _of_loaded(study, entry, given)
    origin = _origin(study)
    name, digits = split_fingerprint(measured)
    address = given or name
    if not Path(address).is_dir() and ADDRESS.fullmatch(address):
        if origin.address != address:
            return Source(address, variant=entry.variant)
        return Source(address, origin.commit, origin.variant)
    if given is None and isinstance(entry.model, Path) and is_own(entry, measured):
        return Source(str(entry.model.resolve()))
    folder = given or origin.folder
    if folder is None:
        raise InputError(
            f"{study.name} measured the model {measured}, and the storage does not hold its "
            "folder; give it with --model FOLDER"
        )
    _check(Path(folder), digits, study)
    return Source(folder, variant=entry.variant)


def _of_loaded(study: Study, entry: PipelineEntry, given: str | None) -> Source:
    """A folder that holds the pipeline that the user had loaded; nothing else is known about it."""
    remedy = f"{SAVE_FUSED}, then write the script by study.script(PATH, model=FOLDER)"
    if given is None or not Path(given).is_dir():
        raise InputError(
            f"{study.name} measured a pipe that was loaded in Python, and a script needs a folder "
            f"to load it from; {remedy}"
        )
    digits = split_fingerprint(study.protocol.model)[1]
    if loaded_fingerprint(entry, Path(given), study.protocol.dtype) != digits:
        raise InputError(
            f"{study.name} measured another pipe than {given} holds: other weights, or another "
            f"scheduler; {remedy}"
        )
    return Source(given)


def _find_lora(study: Study, lora: Lora, given: Sequence[Path]) -> Path:
    """Where a LoRA of a study is: at its last place, or among the given files."""
    if not lora.fused:
        raise InputError(
            f"{study.name} measured the LoRA {lora.name} beside the weights and not fused into "
            "them, which no script does; fuse it (pipe.fuse_lora) and study that"
        )
    _, digits = split_fingerprint(lora.name)
    for path in (lora_path(study, lora), *given):
        if path.is_file() and file_fingerprint(path) == digits:
            return path.resolve()
    raise InputError(
        f"{study.name} measured the LoRA {lora.name}, and {lora_path(study, lora)} is not it or "
        "is gone; give its file with --lora FILE"
    )


def model_note(study: Study) -> str:
    """A note on a study's model; empty if it is the catalogue's own."""
    foreign = foreign_model(study.combination.pipeline, study.protocol.model)
    return f"the model is {foreign}, and not the catalogue's own" if foreign else ""


def _origin(study: Study) -> Origin:
    origin = study.origin
    if origin.commit is not None and not COMMIT.fullmatch(origin.commit):
        raise InputError(f"{study.name} names a commit of its model that is not one; give --model")
    return origin


def _check(folder: Path, digits: str, study: Study) -> None:
    """Check that a folder holds the model that a study measured."""
    remedy = "give a folder that holds it with --model FOLDER"
    measured = study.protocol.model
    if not folder.is_dir():
        raise InputError(
            f"{study.name} measured the model {measured}, and its folder {folder} is gone; {remedy}"
        )
    if digits not in fingerprints(folder):
        raise InputError(
            f"{study.name} measured the model {measured}, and {folder} does not hold it; {remedy}"
        )
