"""The folder in which a process keeps the code that torch.compile makes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from storage.database.opening import Store
from storage.study_store.artifacts import artifact_folder

FOLDER = "compiled"

VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
"""Read by torch whenever it compiles."""


def keep_compiled_code(store: Store) -> None:
    """Keep compiled code next to a database, so that a study resumed on another day finds it.

    The user's own setting in the environment stays, and so does the folder of the process's first
    study. A folder that cannot be made is not used, because compiled code can be made again.
    """
    given = os.environ.get(VARIABLE)
    # Once imported, torch itself names a temporary folder, which a new machine lacks.
    own = str(Path(tempfile.gettempdir()) / "torchinductor_")
    if given is not None and not given.startswith(own):
        return
    folder = artifact_folder(store) / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    os.environ[VARIABLE] = str(folder)
