"""Loading models without messages from the libraries that load them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Let diffusers and transformers report only errors meanwhile, and show no bars."""
    import diffusers.utils.logging as of_diffusers
    import transformers.utils.logging as of_transformers

    bars = [each for each in (of_diffusers, of_transformers) if each.is_progress_bar_enabled()]
    levels = [(each, each.get_verbosity()) for each in (of_diffusers, of_transformers)]
    for library in bars:
        library.disable_progress_bar()
    for library, _ in levels:
        library.set_verbosity_error()
    try:
        yield
    finally:
        for library in bars:
            library.enable_progress_bar()
        for library, level in levels:
            library.set_verbosity(level)
