"""What the dashboard's trial page says of a trial, and the pictures that it leads to."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from optuna_dashboard._note import get_note_from_system_attrs

from accelfront.dashboard.server import listen
from storage.database.opening import Store, open_store
from storage.study_store import attributes as keys
from storage.study_store.note import END
from tests.accelfront.dashboard.servers import Server
from tests.accelfront.eyes.made import NAME, PAIRS, a_study, keep_with_pictures

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ATTACK = "`<img src=x onerror='document.title=1'>`"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Trial 1 is disturbed and confirmed by 2; 3 failed, 4 repeats 0, 5 was given up, 6 runs."""
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('notes')}/a.db", create=True)
    study = a_study()
    keep_with_pictures(store, study)
    kept = optuna.load_study(study_name=NAME, storage=store.optuna)
    measured = study.trials[0].measurement.as_json() | {"stopped_early": True, "samples": 4}
    for state, attributes in (
        (TrialState.FAIL, {keys.REASON: ATTACK}),
        (TrialState.PRUNED, {keys.DUPLICATE_OF: 0}),
        (TrialState.PRUNED, {keys.MEASUREMENT: measured}),
        (TrialState.RUNNING, {}),
    ):
        kept.add_trial(create_trial(state=state, user_attrs=attributes))
    return store


@pytest.fixture(scope="module")
def server(store: Store) -> Iterator[Server]:
    server = listen("127.0.0.1", 0, store, "sqlite:///b.db")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Server(f"http://127.0.0.1:{server.server_port}/", None)
    server.shutdown()
    server.server_close()


def notes(server: Server) -> list[str]:
    trials = server.get_json("api/studies/1")["trials"]
    return [trial["note"]["body"].partition(END)[0] for trial in trials]


def test_a_note_says_what_a_trial_is_and_what_disturbed_it(server: Server) -> None:
    search, fast, confirmation, failed, repeat, given_up, running = notes(server)
    assert search.startswith("**Search**: a point measured in full on 8 prompts")
    assert "Speedup 1.20x (1.15 to 1.25), CLIP loss 0.0% (-1.0% to 1.0%)." in search
    assert "Disturbed" not in search
    assert "**Disturbed**, so doubt its latency: `busy` (other processes took the CPUs)." in fast
    assert "Confirmed by [trial 2](/dashboard/studies/1/trials?numbers=2)." in fast
    assert confirmation.startswith("**Confirmation** of [trial 1](/dashboard/studies/1/trials?")
    assert failed.startswith("**Failed**: `'<img src=x") and failed.count("`") == 2
    assert repeat.startswith("**No point of its own**: it repeats [trial 0]")
    assert given_up.startswith("**Given up** after 4 prompts: it could not become part of")
    assert running.strip() == "**Under way.**"


def test_remeasurements_show_the_pictures_of_their_points(server: Server) -> None:
    search, fast, confirmation, *_ = notes(server)
    [path] = [line for line in fast.splitlines() if line.startswith("![")]
    assert path in confirmation and path not in search
    kind, content = server.get(path.partition("](/")[2].rstrip(")"))
    assert kind == "image/webp" and content[8:12] == b"WEBP"
    assert "(/compare/1/1)" in confirmation and "(/compare/1/0)" in search


def put_note(server: Server, body: str) -> int:
    """Save the note of trial 0 as the page does; the status that it gets."""
    asked = urllib.request.Request(
        f"{server.address}api/studies/1/1/note",
        body.encode(),
        {"Content-Type": "application/json"},
        method="PUT",
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_what_a_person_adds_is_stored_and_our_part_is_not(server: Server, store: Store) -> None:
    note = server.get_json("api/studies/1")["trials"][0]["note"]
    body = json.dumps({"version": note["version"] + 1, "body": f"{note['body']}I like it. 好"})
    assert put_note(server, body) == 204
    stored = get_note_from_system_attrs(store.optuna.get_study_system_attrs(1), 1)
    assert stored == {"version": 1, "body": "I like it. 好"}
    shown = server.get_json("api/studies/1")["trials"][0]["note"]["body"]
    assert shown.startswith("**Search**") and shown.endswith(f"{END}\nI like it. 好")
    for wrong in ("[]", '{"version": 1}', '{"version": 1, "body": null}'):
        assert put_note(server, wrong) >= 400


def test_the_page_of_a_trial_beside_its_baseline_is_guarded(server: Server) -> None:
    answer = urllib.request.urlopen(f"{server.address}compare/1/1", timeout=30)
    page, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
    assert "Trial 1 is 1.90 times as fast as the baseline" in page
    assert f"accelfront compare {NAME}/1 --blind --storage sqlite:///b.db" in page
    assert "frame-ancestors 'none'" in policy and "script-src 'nonce-" in policy
    for path in ("compare/1/2", "compare/9/0", "compare/1", "compare/1/1/x", "compare/x/1"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            server.get(path)
    asked = urllib.request.Request(f"{server.address}compare/1/1", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(asked, timeout=30)


def test_a_person_comes_from_a_confirmation_to_the_pairs(server: Server, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text))
    page.goto(f"{server.address}dashboard/studies/1/trials?numbers=2")
    page.get_by_role("img", name="Baseline above, accelerated below").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_text("Flip, wipe and enlarge them").click()
    shared = page.get_by_role("region", name="The same prompts of every trial")
    shared.locator(".pair-tools").wait_for()
    assert shared.locator(".pair").count() == PAIRS
    shared.get_by_role("button", name="Wipe", exact=True).click()
    assert page.url.endswith("/compare/1/1")
    page.close()
    assert not [told for told in complaints if "Content Security Policy" in told], complaints
