"""Studies of several models of one pipeline are told apart wherever studies are listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storage.database.opening import open_store
from storage.study_store import attributes as keys
from tests.command_line import modules_after, run
from tests.made_studies import PROTOCOL, add_point, add_study

OWN = "stable-diffusion-v1-5/stable-diffusion-v1-5@0123456789abcdef"
MINE, ANOTHER = "my-sd@0123456789abcdef", "my-sd@fedcba9876543210"


@pytest.fixture
def storage(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/a.db"
    store = open_store(url, create=True)
    for digest, model in zip(
        ("0000000a", "0000000b", "0000000c"), (OWN, MINE, ANOTHER), strict=True
    ):
        study = add_study(store, "deepcache", pipeline="SD1.5", digest=digest)
        study.set_user_attr(keys.PROTOCOL, PROTOCOL.as_json() | {"model": model})
        add_point(study, {"cache_interval": 2}, (2.0, 1.9, 2.1), (0.01, 0.0, 0.02))
    store.engine.dispose()
    return url


@pytest.mark.parametrize("command", ["studies", "front", "bounds"])
def test_a_model_that_is_not_the_catalogues_is_shown(command: str, storage: str) -> None:
    answer = run(command, "--storage", storage)
    # A name may be folded over two lines of its cell.
    text = "".join(answer.stdout.split())
    assert text.count(MINE) == 1
    assert text.count(ANOTHER) == 1
    assert OWN not in text


@pytest.mark.parametrize("command", ["studies", "front", "bounds"])
def test_every_studys_model_is_in_the_json(command: str, storage: str) -> None:
    answer = json.loads(run(command, "--storage", storage, "--json").stdout)
    assert [study["model"] for study in answer] == [OWN, MINE, ANOTHER]


@pytest.mark.parametrize("command", ["studies", "front", "bounds"])
def test_revisions_of_the_catalogues_own_address_are_told_apart(
    command: str, storage: str, tmp_path: Path
) -> None:
    later = OWN.replace("0123", "3210")
    store = open_store(storage)
    study = add_study(store, "deepcache", pipeline="SD1.5", digest="0000000d")
    study.set_user_attr(keys.PROTOCOL, PROTOCOL.as_json() | {"model": later})
    add_point(study, {"cache_interval": 2}, (2.0, 1.9, 2.1), (0.01, 0.0, 0.02))
    store.engine.dispose()
    text = "".join(run(command, "--storage", storage).stdout.split())
    assert (text.count(OWN), text.count(later)) == (1, 1)

    page = tmp_path / "report.html"
    assert run("report", "--storage", storage, "--out", str(page)).returncode == 0
    text = page.read_text(encoding="utf-8")
    for model in (OWN, later):
        assert f"with the model {model} on a CPU" in text


def test_telling_models_apart_imports_no_torch(storage: str, tmp_path: Path) -> None:
    assert modules_after("bounds", "--storage", storage, cwd=tmp_path) == set()


def test_the_report_names_the_model_of_each_study(storage: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    answer = run("report", "--storage", storage, "--out", str(page))
    assert answer.returncode == 0, answer.stderr
    text = page.read_text(encoding="utf-8")
    for model in (MINE, ANOTHER):
        assert f"with the model {model} on a CPU" in text
    assert f"with the model {OWN}" not in text
