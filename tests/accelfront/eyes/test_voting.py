"""The server that takes votes: on both databases, and against who is not asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from sqlalchemy import text

from accelfront.eyes.kept import read_kept
from accelfront.eyes.server import HOST, voting
from accelfront.eyes.sides import find_couple
from accelfront.serving.server import serving
from storage.database.opening import Store, open_store
from storage.database.votes import read_votes, require_room_for_votes
from storage.reading.studies import read_studies
from storage.study_store.artifacts import FOLDER_VARIABLE
from tests.accelfront.eyes.made import a_study, keep_with_pictures
from tests.command_line import run

TOKEN = "a-token"

VOTE = {"pair": 0, "shown_first": "rival", "winner": "trial", "voter": "Ada"}

Ask = Callable[..., HTTPResponse]


@pytest.fixture
def ask(store: Store) -> Iterator[Ask]:
    """Sends one request to a server that asks about trial 1 and its baseline."""
    yield from asking(store)


def asking(store: Store) -> Iterator[Ask]:
    require_room_for_votes(store.engine, store.name)
    couple = find_couple(lambda study: read_studies(store, study), "1", None)
    server = serving(voting(store, couple, read_kept(store, couple), TOKEN), HOST, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_port

    def ask(method: str, path: str, body: object = None, **headers: str) -> HTTPResponse:
        connection = HTTPConnection(HOST, port, timeout=30)
        sent = body if isinstance(body, str) else json.dumps(body)
        given = {name.replace("_", "-"): value.format(port=port) for name, value in headers.items()}
        connection.request(method, path, sent if body else None, given)
        return connection.getresponse()

    yield ask
    server.shutdown()
    server.server_close()


def test_the_page_is_served_to_who_knows_the_token_and_loads_nothing_else(ask: Ask) -> None:
    answer = ask("GET", f"/{TOKEN}/")
    assert answer.status == 200 and b"Which picture is better?" in answer.read()
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    for path in ("/", "/votes", "/a-toke/", "/wrong/", f"/{TOKEN}x/"):
        refused = ask("GET", path)
        assert refused.status == 403 and b"pictures" not in refused.read()
    assert ask("GET", f"/{TOKEN}/secret").status == 404


@pytest.mark.parametrize("url", ["sqlite", "postgres"], indirect=False)
def test_votes_are_kept_on_both_databases_and_the_answer_tells_how_all_stand(
    url: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "pictures"))
    place = f"sqlite:///{tmp_path}/new.db"
    if url == "postgres":
        place = request.getfixturevalue("postgres_url")
    store = open_store(place, create=True)
    keep_with_pictures(store, a_study())
    for ask in asking(store):
        first = ask("POST", f"/{TOKEN}/votes", VOTE)
        assert (first.status, json.load(first)) == (200, {"all": "100% (21% to 100%) of 1 vote"})
        withdrawn = ask("POST", f"/{TOKEN}/votes", {**VOTE, "winner": "withdrawn"})
        assert json.load(withdrawn) == {"all": ""}
        for voter, winner in (("Ada", "rival"), ("Bo", "trial"), ("张三", "neither")):
            last = ask("POST", f"/{TOKEN}/votes", {**VOTE, "voter": voter, "winner": winner})
        assert json.load(last) == {"all": "50% (13% to 87%) of 3 votes"}
    kept = read_votes(store.engine, [1])
    assert [vote.winner for vote in kept] == ["trial", "withdrawn", "rival", "trial", "neither"]
    assert {vote.voter for vote in kept} == {"Ada", "Bo", "张三"}
    assert kept[0].voted_at is not None and kept[0].shown_first == "rival"
    store.engine.dispose()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/votes", {}),
        ("/wrong/votes", {}),
        (f"/{TOKEN}/votes", {"Origin": "http://evil.example"}),
        (f"/{TOKEN}/votes", {"Sec_Fetch_Site": "cross-site"}),
        (f"/{TOKEN}/votes", {"Host": "evil.example:{port}"}),
    ],
)
def test_a_vote_without_the_token_or_of_another_site_is_refused(
    store: Store, ask: Ask, path: str, headers: dict[str, str]
) -> None:
    answer = ask("POST", path, VOTE, **headers)
    assert answer.status == 403 and answer.read().count(b"\n") == 1
    assert read_votes(store.engine, [1]) == []
    own = {"Origin": f"http://{HOST}:{{port}}", "Sec_Fetch_Site": "same-origin"}
    assert ask("POST", f"/{TOKEN}/votes", VOTE, **own).status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("no JSON", 400),
        ({**VOTE, "pair": 3}, 400),
        ({**VOTE, "pair": -1}, 400),
        ({**VOTE, "winner": "nobody"}, 400),
        ({**VOTE, "voter": " "}, 400),
        ({**VOTE, "voter": "a\0b"}, 400),
        ({**VOTE, "voter": "a" * 81}, 400),
        ({**VOTE, "more": 1}, 400),
        ({**VOTE, "more": "x" * 5_000}, 413),
    ],
)
def test_what_is_no_vote_is_not_kept(store: Store, ask: Ask, body: object, status: int) -> None:
    answer = ask("POST", f"/{TOKEN}/votes", body)
    assert answer.status == status and "no vote" in json.load(answer)["error"]
    assert read_votes(store.engine, [1]) == []


def test_a_database_that_takes_no_votes_is_told_before_anybody_is_asked(
    url: str, store: Store, ask: Ask
) -> None:
    refuse = "BEFORE INSERT ON accelfront_votes BEGIN SELECT RAISE(FAIL, 'it is read-only'); END"
    with store.engine.begin() as connection:
        connection.execute(text(f"CREATE TRIGGER full {refuse}"))
    answer = run("compare", "1", "--blind", "--storage", url)
    assert answer.returncode == 2 and answer.stderr.count("\n") == 1
    assert "takes no votes: it is read-only; with --out FILE the page keeps" in answer.stderr
    late = ask("POST", f"/{TOKEN}/votes", VOTE)
    assert late.status == 500
    assert json.load(late) == {"error": "the vote could not be kept: it is read-only"}
