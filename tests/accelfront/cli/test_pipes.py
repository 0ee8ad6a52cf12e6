"""Pipes in place of files, and links that lead in a circle: refused at once, in one line."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import FrameType

import pytest

from generator.artefacts.promise import read_promise
from objectives.embedded import SCORER_DIR
from objectives.errors import InputError
from tests.command_line import run
from tests.tiers.covering import covering
from tests.tiny_pipelines import save_tiny

MODEL_FILES = (
    "model_index.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "scheduler/scheduler_config.json",
)


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    """Whoever opens a pipe that nobody writes to waits for ever."""

    def give_up(number: int, frame: FrameType | None) -> None:
        pytest.fail("it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def refused(*arguments: str) -> str:
    """What a command that ends with 2 says, in its one line."""
    answer = run(*arguments)
    assert answer.returncode == 2, answer.stderr
    [line] = answer.stderr.splitlines()
    return line


@pytest.mark.parametrize("kind", ["pipe", "loop", "device"])
@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("prompts.txt", ("study", "--prompts")),
        ("tasks.yaml", ("generate", "--tasks")),
        ("sweep.yaml", ("sweep",)),
        ("params.json", ("import", "search-params")),
        ("weights.safetensors", ("study", "--scorer")),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_what_is_no_file_is_refused(
    kind: str, name: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / name
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    storage = ("--storage", f"sqlite:///{tmp_path / 'a.db'}")
    given = f"ViT-B-32:{path}" if command[-1] == "--scorer" else str(path)
    assert str(path) in refused(*command, given, *storage)
    assert not (tmp_path / "a.db").exists()


def test_a_pipe_in_place_of_a_script_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "script.py")
    with pytest.raises(InputError, match="no regular file"):
        read_promise(tmp_path / "script.py")


def test_a_pipe_in_place_of_a_database_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.db")
    assert "no regular file" in refused("front", "--storage", f"sqlite:///{tmp_path / 'a.db'}")


@pytest.mark.parametrize(
    ("kind", "file"), covering(product(["pipe", "loop"], MODEL_FILES), lambda *values: values)
)
def test_a_model_folder_of_pipes_or_loops_is_refused(kind: str, file: str, tmp_path: Path) -> None:
    folder = save_tiny("SD1.5", tmp_path / "m")
    path = folder / file
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path)
    storage = f"sqlite:///{tmp_path / 'a.db'}"
    command = ("study", "--pipeline", "SD1.5", "--scorer", "tiny-shapes", "--storage", storage)
    line = refused(*command, "--methods", "deepcache", "--model", str(folder))
    assert str(folder) in line
    assert file.rpartition("/")[2] in line
    assert not (tmp_path / "a.db").exists()


@pytest.mark.parametrize("file", ["open_clip_model.safetensors", "tokenizer_config.json"])
def test_a_scorer_folder_with_a_pipe_is_refused(file: str, tmp_path: Path) -> None:
    for path in SCORER_DIR.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).unlink()
    os.mkfifo(tmp_path / file)
    assert file in refused("study", "--scorer", str(tmp_path))
