"""What is loaded from a model folder in diffusers layout: which parts, and which of their files.

This follows `DiffusionPipeline.from_pretrained` with `use_safetensors=True`, so that an unusable
folder is refused before anything is loaded, and a fingerprint covers exactly what is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from objectives.errors import InputError, LoadError
from objectives.files import read_text
from objectives.model_files.weights import sharded_files, tensor_shapes
from storage.foreign import shown

INDEX = "model_index.json"

SAVE_ANEW = "save the pipeline anew with pipe.save_pretrained(FOLDER)"

STEMS = {"diffusers": "diffusion_pytorch_model", "transformers": "model"}
"""How the name of a part's weight file begins, by library."""

AUTO = ("AutoModel", "AutoPipeline", "AutoTokenizer", "AutoProcessor", "AutoFeature", "AutoImage")
"""Prefixes of class names that stand for whichever class a folder names."""

TOKENIZER_NAMES = ("merges.txt", "vocab.txt")
TOKENIZER_KINDS = (".json", ".model", ".jinja")


class Part(NamedTuple):
    """A part of a pipeline, such as its `vae`.

    Attributes:
        name: The pipeline's name for it, and its folder's name.
        library: `diffusers` or `transformers`.
        class_name: Name of the library's class.
    """

    name: str
    library: str
    class_name: str

    @property
    def has_weights(self) -> bool:
        """Whether it is a network."""
        kind = self.class_name
        helpers = ("Scheduler", "Processor", "FeatureExtractor")
        return "Tokenizer" not in kind and not kind.endswith(helpers)


def read_config(folder: Path, name: str) -> dict[str, Any]:
    """Read a configuration of a model folder.

    Args:
        folder: The model folder.
        name: Its path in the folder.

    Raises:
        InputError: If it is missing or holds no JSON object.
    """
    try:
        content = json.loads(read_text(folder / name))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"no model in diffusers layout at {folder}: {name} cannot be read; "
            "save one there with pipe.save_pretrained(), or give another --model"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{folder / name} must hold a JSON object")
    return content


def loaded_files(folder: Path, not_loaded: Collection[str], variant: str | None) -> dict[str, Path]:
    """The files that a pipeline is loaded from, by their names in the folder.

    Args:
        folder: The model folder.
        not_loaded: Parts of it that are left out.
        variant: The variant of the weights, used by each part that has it.

    Raises:
        LoadError: If a part is of a kind that is not loaded, or its weights are missing, broken or
            not in safetensors.
    """
    files = {INDEX: folder / INDEX}
    for part in loaded_parts(folder, not_loaded):
        for path in _files_of(folder, part, variant):
            files[f"{part.name}/{path.name}"] = path
    return files


def loaded_parts(folder: Path, not_loaded: Collection[str]) -> list[Part]:
    """The parts of a pipeline.

    Args:
        folder: As in `loaded_files`.
        not_loaded: Parts that are left out.

    Raises:
        LoadError: If a part is of a kind that is not loaded.
    """
    return [
        Part(name, _library(folder, name, kind), str(kind[1]))
        for name, kind in read_config(folder, INDEX).items()
        # The rest are options of the pipeline, and optional parts that it lacks.
        if isinstance(kind, list) and name not in not_loaded and kind != [None, None]
    ]


def part_variant(where: Path, variant: str | None) -> str | None:
    """The variant of the weights to use from a part's folder; None for plain file names."""
    names = (path.name for path in where.iterdir())
    has_it = variant and any(name.partition(".")[2].startswith(variant) for name in names)
    return variant if has_it else None


def _library(folder: Path, part: str, kind: list[Any]) -> str:
    """The library of a part's class.

    Raises:
        LoadError: If the class is from elsewhere, or depends on other entries of the folder.
    """
    match kind:
        # diffusers also has AutoencoderKL, which is a class like any other.
        case ["diffusers" | "transformers" as library, str(name)] if not name.startswith(AUTO):
            return str(library)
    written = ".".join(map(str, kind))[:80]
    raise LoadError(
        f"the model's {part}",
        folder / INDEX,
        f"it is {written}, and only classes that diffusers or transformers have by name are "
        "loaded, no Auto classes",
        SAVE_ANEW,
    )


def _files_of(folder: Path, part: Part, variant: str | None) -> Iterator[Path]:
    where = folder / part.name
    if not where.is_dir():
        raise LoadError(f"the model's {part.name}", where, "there is no such folder", SAVE_ANEW)
    if part.has_weights:
        _refuse_quantised(folder, part)
        yield where / "config.json"
        yield from _weights(part, where, part_variant(where, variant))
    elif part.class_name.endswith("Scheduler"):
        yield where / "scheduler_config.json"
    elif "Tokenizer" in part.class_name:
        yield from tokenizer_files(where)
    else:
        yield where / "preprocessor_config.json"


def _refuse_quantised(folder: Path, part: Part) -> None:
    """Raise LoadError if a part's weights are quantised: they compute differently."""
    config = f"{part.name}/config.json"
    if not (folder / config).exists():
        return
    how = read_config(folder, config).get("quantization_config")
    if how:
        kind = how.get("quant_method") if isinstance(how, dict) else None
        raise LoadError(
            f"the model's {part.name}",
            folder / config,
            f"its weights are quantised ({shown(kind or how)}), and methods are measured on plain "
            "ones",
            "give a model whose weights are fp16, bf16 or fp32",
        )


def tokenizer_files(folder: Path) -> list[Path]:
    """The files of a folder that a tokenizer may be loaded from."""
    return sorted(
        path
        for path in folder.iterdir()
        if (path.suffix in TOKENIZER_KINDS or path.name in TOKENIZER_NAMES) and path.is_file()
    )


def _weights(part: Part, where: Path, variant: str | None) -> list[Path]:
    """A part's weight files, with the index if they are sharded.

    Raises:
        LoadError: If they are missing, broken or not in safetensors.
    """
    what, library = f"the model's {part.name}", part.library
    if library == "transformers" and (where / "adapter_config.json").exists():
        # transformers would load it, and the model that it names, if peft is installed.
        raise LoadError(what, where, "an adapter is next to its weights", "fuse it into them")
    names = sorted(path.name for path in where.iterdir())
    tag = f".{variant}" if variant else ""
    whole = where / f"{STEMS[library]}{tag}.safetensors"
    index = where / f"{STEMS[library]}.safetensors.index{tag}.json"
    # diffusers prefers the shards, transformers the whole file.
    if index.exists() and (library == "diffusers" or not whole.exists()):
        weights, files = sharded_files(what, index), [index]
    elif whole.exists():
        weights, files = [whole], []
    else:
        pickled = ", ".join(name for name in names if name.endswith((".bin", ".ckpt", ".pt")))
        reason = (
            f"there is none, only {pickled}, and no pickle is loaded"
            if pickled
            else ("there is no such file")
        )
        raise LoadError(what, whole, reason, f"{SAVE_ANEW}, which writes safetensors")
    for path in weights:
        tensor_shapes(what, path)
    return files + weights
