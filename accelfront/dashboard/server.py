"""optuna-dashboard over one database, in this process: the database's URL is shown nowhere."""

from __future__ import annotations

from wsgiref.simple_server import WSGIServer

from optuna.artifacts import FileSystemArtifactStore
from optuna_dashboard import wsgi

from accelfront.dashboard.guard import guarded
from accelfront.dashboard.notes import keeping_theirs
from accelfront.dashboard.pairs import pairs_page
from accelfront.dashboard.trials import in_words
from accelfront.serving.server import serving
from storage.database.opening import Store
from storage.study_store.artifacts import artifact_folder


def listen(host: str, port: int, store: Store, storage: str | None = None) -> WSGIServer:
    """A server that waits for `serve_forever`.

    Args:
        host: A name or an address of this machine.
        port: 0 takes a free one.
        store: An open database.
        storage: The storage that commands on its pages name; None leaves it to their default.

    Raises:
        InputError: If the address is not available.
    """
    pictures = FileSystemArtifactStore(artifact_folder(store))
    dashboard = in_words(keeping_theirs(wsgi(store.optuna, pictures)), store.optuna)
    return serving(guarded(dashboard, host, pairs_page(store, storage)), host, port)
