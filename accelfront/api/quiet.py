"""Keeping libraries from talking over the bar; their settings are given back."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Let Optuna and the libraries that load a model say nothing but errors meanwhile."""
    import diffusers.utils.logging as of_diffusers
    import optuna
    import transformers.utils.logging as of_transformers

    verbosity = optuna.logging.get_verbosity()
    bars = [each for each in (of_diffusers, of_transformers) if each.is_progress_bar_enabled()]
    levels = [(each, each.get_verbosity()) for each in (of_diffusers, of_transformers)]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for library in bars:
        library.disable_progress_bar()
    for library, _ in levels:
        library.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
        for library in bars:
            library.enable_progress_bar()
        for library, level in levels:
            library.set_verbosity(level)
