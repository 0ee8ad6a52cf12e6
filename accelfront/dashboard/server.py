"""optuna-dashboard over one database, within this process: the database's URL is shown nowhere."""

from __future__ import annotations

from wsgiref.simple_server import WSGIServer

from optuna.artifacts import FileSystemArtifactStore
from optuna_dashboard import wsgi

from accelfront.dashboard.guard import guarded
from accelfront.dashboard.serving import serving
from accelfront.dashboard.trials import in_words
from storage.database.opening import Store
from storage.study_store.artifacts import artifact_folder


def listen(host: str, port: int, store: Store) -> WSGIServer:
    """A server that waits for `serve_forever`.

    Args:
        host: A name or an address of this machine.
        port: 0 takes a free one.
        store: An open database.

    Raises:
        InputError: If the address cannot be had.
    """
    pictures = FileSystemArtifactStore(artifact_folder(store))
    application = guarded(in_words(wsgi(store.optuna, pictures), store.optuna), host)
    return serving(application, host, port)
