"""Libraries that talk on stderr, told not to: the live view is there."""

from __future__ import annotations

import os
import warnings


def quiet_libraries() -> None:
    """Keep diffusers, transformers and Optuna to errors, without progress bars of their own."""
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings("ignore", category=FutureWarning)
    import diffusers.utils.logging
    import optuna
    import transformers.utils.logging

    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
