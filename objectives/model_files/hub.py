"""Models by address: on the Hugging Face Hub, or fetched from it before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from objectives.errors import InputError

ADDRESS = re.compile(r"[\w.-]+/[\w.-]+")

PROBE_S = 10
"""Longest wait for an answer before the network is considered absent."""


def fetch_model(
    address: str, revision: str | None, pipeline_class: str, variant: str | None
) -> Path:
    """Find a pipeline's folder in the cache, after fetching it if the Hub can be reached.

    Only configurations, tokenizers and safetensors are fetched; no code and no pickle.

    Args:
        address: `owner/name`.
        revision: A branch, tag or commit; None means the main branch.
        pipeline_class: Name of the diffusers pipeline class.
        variant: The weights' variant, used if the repository has it.

    Raises:
        InputError: If the model is neither on the Hub nor in the cache.
    """
    import diffusers

    reachable, why = _probe(address, revision)
    wanted: dict[str, Any] = {
        "revision": revision,
        "use_safetensors": True,
        "local_files_only": not reachable,
    }
    pipeline = getattr(diffusers, pipeline_class)
    try:
        try:
            folder = pipeline.download(address, variant=variant, **wanted)
        except ValueError:
            # The repository has no such variant.
            folder = pipeline.download(address, **wanted)
    except (OSError, ValueError) as error:
        at = f" at revision {revision}" if revision else ""
        raise InputError(
            f"{address}{at} is not in the local cache and could not be fetched "
            f"({why or first_line(error)}); give a local copy with --model FOLDER"
        ) from error
    return Path(folder)


def _probe(address: str, revision: str | None) -> tuple[bool, str]:
    """Ask for a repository: whether it answered, and why not.

    The libraries would try for a minute each time before they report that there is no network.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().model_info(address, revision=revision, timeout=PROBE_S)
    except HfHubHTTPError as error:
        return False, first_line(error)
    except Exception as error:
        # Each HTTP library words a missing network differently.
        return False, f"the Hub cannot be reached: {first_line(error)}"
    return True, ""


def cached_file(address: str, file: str) -> Path | None:
    """A file of a repository that was fetched before."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(address, file)
    return Path(found) if isinstance(found, str) else None


def is_cached(address: str, file: str) -> bool:
    """Whether a file of a repository was fetched before."""
    return cached_file(address, file) is not None


def require_reachable(address: str, file: str) -> None:
    """Check that a repository can be reached or that a file of it is in the cache.

    Raises:
        InputError: If neither.
    """
    if is_cached(address, file):
        return
    reachable, why = _probe(address, None)
    if not reachable:
        raise InputError(f"{address} is not in the local cache and could not be fetched ({why})")


def first_line(error: Exception) -> str:
    """The message of an error, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
