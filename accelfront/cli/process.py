"""Preparing the processes of a command before the heavy libraries are imported."""

from __future__ import annotations

import os
import warnings


def prepare_process() -> None:
    """Prepare a process that measures: no library may print over the live view.

    Environment variables that the user has set stay.
    """
    prepare_light_process()
    import diffusers.utils.logging
    import transformers.utils.logging

    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()


def prepare_light_process() -> None:
    """Prepare a process that imports no heavy library, and the processes that it starts."""
    # Threads that spin while they wait make a CPU latency four times longer as soon as another
    # process takes a core; those that sleep cost a tenth on an idle machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
