"""The dashboard as a browser sees it: a real server over a real database."""

from __future__ import annotations

import json
import re
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest

from accelfront.dashboard.server import listen
from storage.database.opening import open_store
from storage.study_store.attributes import MEASUREMENT
from tests.accelfront.dashboard.servers import MEASURED, Server
from tests.command_line import run
from tests.made_records import changed
from tests.made_reports import RIVALS, keep, made_study, made_trial

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_address_is_printed_and_answers(server: Server) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", server.address)
    kind, page = server.get("dashboard")
    assert kind.startswith("text/html") and b"<title>Optuna Dashboard" in page


def test_a_trial_carries_its_grid(server: Server, grid: bytes) -> None:
    [summary] = server.get_json("api/studies")["study_summaries"]
    assert summary["study_name"] == "a-study"
    trials = server.get_json(f"api/studies/{summary['study_id']}")["trials"]
    assert len(trials) == 2
    for trial in trials:
        [artifact] = trial["artifacts"]
        path = f"artifacts/{trial['study_id']}/{trial['trial_id']}/{artifact['artifact_id']}"
        assert server.get(path) == ("image/webp", grid)


def test_infeasible_trials_can_be_told_from_the_others(server: Server) -> None:
    trials = server.get_json("api/studies/1")["trials"]
    # The page greys a trial out if one of its constraints is above 0.
    assert [trial["constraints"] for trial in trials] == [[pytest.approx(-0.01)], [0.48]]
    assert [trial["user_attrs"][0] for trial in trials] == [
        {"key": "feasible", "value": value} for value in ("True", "False")
    ]


def test_a_measurement_is_told_in_short_lines(server: Server) -> None:
    study = server.get_json("api/studies/1")
    for trial in study["trials"] + study["best_trials"]:
        told = {each["key"]: each["value"] for each in trial["user_attrs"]}
        assert told["speedup, 95%"] == "1.90x to 2.10x"
        assert told["CLIP loss, 95%"] == "-1.0% to 2.5%"
        assert told["s/picture"] == "0.271"
        assert told["SSIM loss"] == "0.1"
        assert told["disturbed"] == "outlier, slow"
        assert told["host-bound share"] == "60%"
        # As wide as the page is on any screen.
        assert max(len(name) + len(value) for name, value in told.items()) < 40
    columns = {each["key"]: each["sortable"] for each in study["union_user_attrs"]}
    assert columns["s/picture"] and not columns["speedup, 95%"]
    assert MEASUREMENT not in columns


@pytest.fixture
def judged(tmp_path: Path) -> Iterator[tuple[str, Server]]:
    """Trial 1 was lucky, trial 2 gave the same twice, 3 is over the budget on unseen prompts."""
    again = {1: (1.6, 0.008), 2: (1.9, 0.004), 3: (2.3, 0.05)}
    searched = {0: (1.2, -0.005), 1: (2.0, 0.002), 2: (1.9, 0.004), 3: (2.3, 0.005)}
    trials = [
        changed(
            made_trial(number, *figures),
            confirmed=made_trial(number, *again[number]).measurement if number in again else None,
        )
        for number, figures in searched.items()
    ]
    url = f"sqlite:///{tmp_path}/judged.db"
    store = open_store(url, create=True)
    keep(store, made_study(trials))
    server = listen("127.0.0.1", 0, store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield url, Server(f"http://127.0.0.1:{server.server_port}/", None)
    server.shutdown()
    server.server_close()


def test_the_best_trials_are_the_front_inside_the_budget(judged: tuple[str, Server]) -> None:
    url, server = judged
    study = server.get_json("api/studies/1")
    best = [(trial["number"], *trial["values"]) for trial in study["best_trials"]]
    assert best == [(2, 1.9, 0.004), (0, 1.2, -0.005)]
    [front] = json.loads(run("front", "--storage", url, "--json").stdout)
    assert [point["trial"] for point in front["front"]] == [3, 2, 0]
    # The page draws its own front of what is feasible.
    assert [trial["values"] for trial in study["trials"][:4]] == [
        [1.2, -0.005], [1.6, 0.005], [1.9, 0.004], [2.3, 0.0275],
    ]  # fmt: skip
    assert [trial["constraints"][0] > 0 for trial in study["trials"][:4]] == [False] * 3 + [True]


def test_second_looks_and_what_they_found_are_told(judged: tuple[str, Server]) -> None:
    _, server = judged
    trials = server.get_json("api/studies/1")["trials"]
    told = [{each["key"]: each["value"] for each in trial["user_attrs"]} for trial in trials]
    assert (told[1]["judged"], told[1]["in the search"]) == (
        "by the loss of both measurements",
        "2.00x, loss 0.2%",
    )
    assert (told[3]["feasible"], "judged" in told[0]) == ("False", False)
    assert [trial["state"] for trial in trials[4:]] == ["Pruned"] * 3
    assert told[4]["no point of its own"] == "confirms trial 1"


def test_points_are_told_beside_the_best_lossless_one(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/rivals.db", create=True)
    keep(store, made_study(RIVALS))
    server = listen("127.0.0.1", 0, store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        seen = Server(f"http://127.0.0.1:{server.server_port}/", None)
        trials = seen.get_json("api/studies/1")["trials"]
    finally:
        server.shutdown()
        server.server_close()
    told = [{each["key"]: each["value"] for each in trial["user_attrs"]} for trial in trials]
    assert (told[1]["leaves out"], told[4]["leaves out"]) == ("nothing", "deepcache")
    assert (told[4]["vs lossless"], told[4]["warm-up, s"]) == ("2.00x", "41.5")


def test_a_page_that_has_trials_gets_the_others_and_all_of_the_best(
    judged: tuple[str, Server],
) -> None:
    _, server = judged
    study = server.get_json("api/studies/1?after=5")
    assert [trial["number"] for trial in study["trials"]] == [5, 6]
    assert [trial["number"] for trial in study["best_trials"]] == [2, 0]


def test_trials_under_way_have_no_measurement_to_tell(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/a.db", create=True)
    optuna.create_study(storage=store.optuna).ask().set_user_attr("reason", "none yet")
    server = listen("127.0.0.1", 0, store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    running = Server(f"http://127.0.0.1:{server.server_port}/", None)
    [trial] = running.get_json("api/studies/1")["trials"]
    assert trial["user_attrs"] == [{"key": "reason", "value": "none yet"}]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        running.get("api/studies/7")
    server.shutdown()
    server.server_close()


def test_a_renamed_study_keeps_its_measurements(storage: str, tmp_path: Path) -> None:
    copy = tmp_path / "b.db"
    shutil.copy(storage.removeprefix("sqlite:///"), copy)
    store = open_store(f"sqlite:///{copy}")
    server = listen("127.0.0.1", 0, store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/api/studies/1"
    Server(address, None).get("")
    asked = urllib.request.Request(
        f"{address}/rename", b'{"study_name": "b"}', {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(asked, timeout=30).close()
    server.shutdown()
    server.server_close()
    renamed = optuna.load_study(study_name="b", storage=store.optuna)
    assert [trial.user_attrs[MEASUREMENT] for trial in renamed.trials] == [MEASURED] * 2


def test_looking_changes_nothing_in_the_database(server: Server, storage: str) -> None:
    server.get_json("api/studies/1")
    study = optuna.load_study(study_name="a-study", storage=open_store(storage).optuna)
    assert [trial.constraints.keys() for trial in study.trials] == [{"clip_loss"}] * 2


def test_the_trial_page_shows_the_grid_and_is_no_wider_than_the_screen(
    server: Server, browser: Browser
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{server.address}dashboard/studies/1/trials?numbers=0")
    page.locator("img[src^='/artifacts/1/1/']").wait_for()
    assert "grid.webp" in page.content()
    assert "1.90x to 2.10x" in page.content()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
