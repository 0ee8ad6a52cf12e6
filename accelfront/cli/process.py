"""The process that measures, made ready before the heavy libraries are imported."""

from __future__ import annotations

import os
import warnings


def prepare_process() -> None:
    """Keep libraries from talking over the live view, and waiting threads from burning the CPU.

    What the user has set in the environment stays.
    """
    # Threads that spin while they wait make a CPU latency four times longer as soon as another
    # process takes a core; those that sleep cost a tenth on an idle machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    import diffusers.utils.logging
    import optuna
    import transformers.utils.logging

    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
