"""The processes of a command, made ready before the heavy libraries are imported."""

from __future__ import annotations

import os
import warnings


def prepare_process() -> None:
    """Make a process ready that measures: no library talks over the live view.

    What the user has set in the environment stays.
    """
    prepare_light_process()
    import diffusers.utils.logging
    import transformers.utils.logging

    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()


def prepare_light_process() -> None:
    """The same for one that imports no heavy library, and for the processes that it starts."""
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
