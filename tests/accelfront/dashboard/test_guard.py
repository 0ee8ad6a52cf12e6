"""What other sites and hostile databases try on the dashboard, on a real server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import asdict
from http.client import HTTPConnection, HTTPResponse
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.artifacts import ArtifactMeta, FileSystemArtifactStore
from PIL import Image

from accelfront.dashboard.server import listen
from storage.database.opening import Store, open_store
from storage.study_store.artifacts import artifact_folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser

KEY = "00000000-0000-4000-8000-000000000000"

RUNS = b"<script>document.title = 'taken'</script>"
"""A page that would run in the dashboard's origin."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(f"sqlite:///{tmp_path}/a.db", create=True)
    optuna.create_study(study_name="a-study", storage=store.optuna)
    return store


@pytest.fixture
def port(store: Store) -> Iterator[int]:
    yield from serve(store, "127.0.0.1")


def serve(store: Store, host: str) -> Iterator[int]:
    server = listen(host, 0, store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def ask(port: int, method: str, path: str, host: str = "", **headers: str) -> HTTPResponse:
    """Send one request with exactly these headers; its body is read already."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": host or f"127.0.0.1:{port}", **headers}.items():
        connection.putheader(name.replace("_", "-"), value.format(port=port))
    connection.endheaders()
    return connection.getresponse()


def keep(store: Store, content: bytes, kind: str) -> str:
    """An artifact of the study as a hostile database has it; its path."""
    folder = artifact_folder(store)
    folder.mkdir(exist_ok=True)
    FileSystemArtifactStore(folder).write(KEY, BytesIO(content))
    meta = asdict(ArtifactMeta(KEY, "a", kind, None))
    store.optuna.set_study_system_attr(1, f"artifacts:{KEY}", json.dumps(meta))
    return f"/artifacts/1/{KEY}"


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("evil.example", {}),
        ("evil.example:{port}", {"Origin": "http://evil.example:{port}"}),
        ("127.0.0.1", {}),
        ("127.0.0.1:1", {}),
        ("127.0.0.1.evil.example:{port}", {}),
        ("127.0.0.1:{port},evil.example", {}),
        ("[::1:{port}", {}),
        ("127.0.0.1:{port}", {"Origin": "http://evil.example"}),
        ("127.0.0.1:{port}", {"Origin": "null"}),
        ("127.0.0.1:{port}", {"Origin": "http://localhost:{port}"}),
        ("127.0.0.1:{port}", {"Sec_Fetch_Site": "cross-site"}),
        ("127.0.0.1:{port}", {"Sec_Fetch_Site": "same-site"}),
    ],
)
def test_another_site_deletes_nothing(
    store: Store, port: int, host: str, headers: dict[str, str]
) -> None:
    answer = ask(port, "DELETE", "/api/studies/1", host.format(port=port), **headers)
    assert answer.status == 403
    assert optuna.get_all_study_names(store.optuna) == ["a-study"]


@pytest.mark.parametrize("path", ["/api/studies", "/dashboard", "/csv/1", "/static/bundle.js"])
def test_under_a_foreign_name_nothing_is_read(port: int, path: str) -> None:
    answer = ask(port, "GET", path, f"evil.example:{port}")
    assert answer.status == 403
    assert b"a-study" not in (body := answer.read()) and body.count(b"\n") == 1


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_its_own_page_may_delete(store: Store, port: int, name: str) -> None:
    own = {"Origin": f"http://{name}:{port}", "Sec_Fetch_Site": "same-origin"}
    answer = ask(port, "DELETE", "/api/studies/1", f"{name}:{port}", **own)
    assert answer.status == 204
    assert optuna.get_all_study_names(store.optuna) == []


def test_listening_anywhere_takes_addresses_and_this_machines_name(store: Store) -> None:
    for port in serve(store, "0.0.0.0"):
        for host, status in (
            ("192.0.2.7", 200),
            ("[2001:db8::7]", 200),
            (socket.gethostname(), 200),
            ("evil.example", 403),
        ):
            assert ask(port, "GET", "/api/studies", f"{host}:{port}").status == status


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "image/webp", "a/b"])
def test_what_is_no_picture_is_not_shown_whatever_it_is_called(
    store: Store, port: int, kind: str
) -> None:
    path = keep(store, RUNS, kind)
    for asked in (path, f"/{path}", f"{path}/"):
        answer = ask(port, "GET", asked)
        assert answer.status == 403
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert RUNS not in answer.read()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_is_shown_as_what_it_is_and_to_no_other_site(
    store: Store, port: int, kind: str
) -> None:
    picture = BytesIO()
    Image.new("RGB", (8, 8), "teal").save(picture, kind)
    answer = ask(port, "GET", keep(store, picture.getvalue(), "text/html"))
    assert answer.status == 200
    assert answer.headers.get_all("Content-Type") == [f"image/{kind.lower()}"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] is None
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.read() == picture.getvalue()


def test_no_page_may_frame_it_and_it_runs_its_own_script_only(port: int) -> None:
    [policy] = ask(port, "GET", "/dashboard").headers.get_all("Content-Security-Policy") or []
    rules = dict(rule.split(maxsplit=1) for rule in policy.split("; "))
    assert rules["frame-ancestors"] == rules["object-src"] == rules["base-uri"] == "'none'"
    assert "unsafe-inline" not in rules["script-src"] and "http" not in policy


def test_every_page_works_under_its_policy(store: Store, port: int, browser: Browser) -> None:
    study = optuna.load_study(study_name="a-study", storage=store.optuna)
    study.optimize(lambda trial: trial.suggest_int("a", 0, 9) ** trial.suggest_int("b", 1, 2), 9)
    complaints: list[str] = []
    page = browser.new_page()
    page.on("console", lambda told: complaints.append(told.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    address = f"http://127.0.0.1:{port}/dashboard"
    page.goto(address)
    page.get_by_text("a-study").wait_for()
    for tab in ("", "/analytics", "/trials", "/trialTable", "/note"):
        page.goto(f"{address}/studies/1{tab}")
        page.get_by_text("a-study").first.wait_for()
        page.wait_for_load_state("networkidle")
    # Its own requests are still its own.
    done = page.evaluate("fetch('/api/studies/1', {method: 'DELETE'}).then(a => a.status)")
    page.close()
    assert done == 204
    assert not [told for told in complaints if "Content Security Policy" in told], complaints
