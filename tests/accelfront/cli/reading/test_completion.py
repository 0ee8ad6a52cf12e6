"""What a shell offers at a press of the tabulator, asked as bash asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelfront.cli.app import COMMANDS
from accelfront.cli.examples import EXAMPLES
from storage.database.opening import open_store
from storage.study_store.attributes import LABEL
from tests.command_line import run, run_warm
from tests.made_studies import add_study


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ACCELFRONT_STORAGE", raising=False)
    store = open_store(f"sqlite:///{tmp_path / 'accelfront.db'}", create=True)
    add_study(store, "deepcache").set_user_attr(LABEL, "before")
    add_study(store, "tgate")
    return tmp_path


def offered(folder: Path, words: str) -> list[str]:
    """What is offered in place of the last word."""
    answer, heavy = run_warm(
        cwd=folder,
        _ACCELFRONT_COMPLETE="complete_bash",
        COMP_WORDS=f"accelfront {words}",
        COMP_CWORD=str(len(words.split(" "))),
    )
    assert (answer.returncode, answer.stderr, heavy) == (0, "", set())
    return answer.stdout.split()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("stud", ["study", "studies"]),
        ("study --pipeline PixArt", ["PixArt-alpha", "PixArt-Sigma"]),
        ("study --scheduler D", ["DDIM", "DPM-Solver++"]),
        ("study --sampler t", ["tpe"]),
        ("study --methods to", ["tome"]),
        ("study --methods tome,deepcache,t", ["tome,deepcache,tgate", "tome,deepcache,taylorseer"]),
        ("study --metrics attributes,pi", ["attributes,pickscore"]),
        ("study --loss s", ["ssim"]),
        ("front b", ["before"]),
        ("diff before tiny", ["tiny-shapes--DDIM--20--deepcache--0a1b2c3d",
                              "tiny-shapes--DDIM--20--tgate--0a1b2c3d"]),
        ("studies --delete be", ["before"]),
        ("front --storage sqlite:///none.db b", []),
        ("front --storage nonsense b", []),
    ],
)  # fmt: skip
def test_names_are_offered_without_heavy_libraries(
    folder: Path, words: str, names: list[str]
) -> None:
    assert sorted(offered(folder, words)) == sorted(names)
    assert not (folder / "none.db").exists()


def test_every_command_has_examples_that_fit_its_help() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()
    for command, lines in EXAMPLES.items():
        said = run(command, "--help").stdout
        for line in lines:
            assert line.startswith(f"accelfront {command}")
            assert f" {line} " in said
