"""Full and read-only disks under what commands write; docs/reliability.md promises what is tested.

The disks are real ones, of 64 KiB, and need the right to mount: elsewhere these tests are skipped.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from storage.database.opening import open_store
from storage.reading.studies import read_studies
from tests.command_line import run
from tests.generator import made_trials
from tests.made_records import changed
from tests.made_reports import keep, made_study, made_trial

OLDER = "what was there before"


@pytest.fixture(params=["full", "read-only"])
def disk(request: pytest.FixtureRequest, small_disk: Path) -> Path:
    """A disk that takes no more, with an older file on it."""
    for name in ("report.html", "studies.json"):
        (small_disk / name).write_text(OLDER)
    if request.param == "full":
        with suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    return small_disk


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/a.db"
    scripted, _ = made_trials.made_study("tiny-shapes", ["deepcache"], {})
    study = made_study([made_trial(0, 1.5, 0.01)], **scripted.protocol.as_json())
    keep(
        open_store(url, create=True),
        changed(study, environment=changed(scripted.environment, device="a CPU")),
    )
    return url


def told(text: str) -> bool:
    """Whether one of the lines says what is wrong with the disk."""
    reasons = ("No space left on device", "Read-only file system")
    return any(reason in line for reason in reasons for line in text.splitlines())


@pytest.mark.parametrize(
    ("command", "file"),
    [("report", "report.html"), ("export", "studies.json"), ("export", "new.json")],
)
def test_a_file_that_cannot_be_written_stays_as_it_was(
    disk: Path, url: str, command: str, file: str
) -> None:
    before = sorted(disk.iterdir())
    answer = run(command, "--storage", url, "--out", str(disk / file))
    assert answer.returncode == 2
    assert told(answer.stderr) and len(answer.stderr.splitlines()) == 1
    assert sorted(disk.iterdir()) == before
    assert (disk / "report.html").read_text() == (disk / "studies.json").read_text() == OLDER


def test_a_script_that_cannot_be_written_is_not_there_and_the_reason_is_told(
    disk: Path, url: str
) -> None:
    before = sorted(disk.iterdir())
    task = "Make tiny-shapes at least 1.2x faster with DDIM at 20 steps and DeepCache"
    command = ("generate", task, "--storage", url, "--device", "a CPU", "--json")
    answer = run(*command, "--out", str(disk))
    assert answer.returncode in (2, 3)
    assert told(answer.stdout + answer.stderr)
    assert sorted(disk.iterdir()) == before
    # The same task is emitted where there is room.
    assert run(*command, "--out", str(disk.parent / "scripts")).returncode == 0


def test_a_study_keeps_its_numbers_where_pictures_find_no_room(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELFRONT_ARTIFACTS", str(disk))
    url = f"sqlite:///{tmp_path}/b.db"
    answer = run(
        *("study", "--methods", "deepcache", "--steps", "2", "--trials", "1", "--storage", url),
        *("--num-samples", "2", "--batch-size", "1", "--device", "cpu", "--req-score-loss", "0.5"),
    )
    assert answer.returncode == 0
    assert told(answer.stderr) and "the figures are kept" in answer.stderr
    [study] = read_studies(open_store(url))
    [trial] = study.trials
    assert trial.measurement.latency_s > 0
    assert {path.name for path in disk.iterdir()} <= {"report.html", "studies.json", "filler"}
