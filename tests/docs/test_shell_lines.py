"""Every shell line of the README, the docs and CONTRIBUTING is run, or checked by its options.

All lines are run in one folder, in the order in which a person reads. A comment before a block says
why its lines cannot be: `<!-- gpu -->`, `<!-- hub -->`, `<!-- server -->` or `<!-- minutes -->`, or
several of these words. Then the options of our own programs are looked up in their help.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import optuna
import pytest
from optuna.trial import TrialState

from storage.database.opening import open_store
from storage.study_store.attributes import POINT
from tests import command_line
from tests.command_line import Answer
from tests.generator.artefacts.forked_runs import runs_forked
from tests.made_studies import confirm

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "docs" / "index.md"

MARKS = {"gpu", "hub", "server", "minutes"}

BLOCK = re.compile(r"^(?:<!-- ([a-z ]+) -->\n)?```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_SHELL_FENCE = re.compile(r"^\s*(?:```|~~~)\s*(?:sh|bash|shell|zsh|console)\b", re.MULTILINE)
SPAN = re.compile(r"`(accelfront [a-z][^`]*)`")
LINK = re.compile(r"(?:\]\(|^\[[^\]]+\]: )([^)#\s]+)", re.MULTILINE)

HARMLESS = {"accelfront", "python", "cat", "head", "ls"}
"""What may be run; a block with anything else is to be marked."""

IN_PART = {"generate": 3, "verify": 3}
"""What may keep less than its task or trial asks for, as a busy machine measures another speed."""

STAND_IN = (
    "accelfront study --methods deepcache --steps 6 --trials 3 --num-samples 2 --batch-size 1"
    " --req-score-loss 0.5 --no-confirm"
)
"""Leaves in seconds what `make study` leaves in minutes: a database with a study."""


@dataclass(frozen=True)
class Line:
    """A shell line, continued ones joined."""

    page: str
    number: int
    text: str
    is_marked: bool

    def __str__(self) -> str:
        return f"{self.page}:{self.number}: {self.text}"


def _pages() -> list[Path]:
    """All pages, those of docs/ as the index lists them."""
    linked = [link for link in LINK.findall(_read(INDEX)) if re.fullmatch(r"[a-z-]+\.md", link)]
    docs = [INDEX.with_name(name) for name in dict.fromkeys(linked)]
    pages = [ROOT / "README.md", INDEX, *docs, ROOT / "CONTRIBUTING.md"]
    # A page that is not there is told of by the test of links.
    return [page for page in pages if page.exists()]


def _read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _lines(page: Path) -> Iterator[Line]:
    text = _read(page)
    for block in BLOCK.finditer(text):
        number = text.count("\n", 0, block.start(2)) + 1
        for part in re.split(r"(?<!\\)\n", block[2]):
            joined = part.replace("\\\n", " ")
            if shlex.split(joined, comments=True):
                yield Line(page.name, number, joined, block[1] is not None)
            number += part.count("\n") + 1


def _split(text: str) -> Iterator[str]:
    """The words of a line, and what stands between commands."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return iter(lexer)


OPERATORS = set("();<>|&")


def _commands(text: str) -> list[list[str]]:
    """The simple commands of a line, without what a shell does around them."""
    commands: list[list[str]] = [[]]
    for word in _split(text):
        if set(word) <= OPERATORS:
            commands.append([])
        elif commands[-1] or not re.match(r"[A-Z_]+=|(do|then|nohup|exec)$", word):
            commands[-1].append(word)
    return [command for command in commands if command]


def _environment() -> dict[str, str]:
    """Ours, with this interpreter's programs first and nothing that changes what they print."""
    left = {"ACCELFRONT_STORAGE", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"}
    kept = {name: value for name, value in os.environ.items() if name not in left}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return kept | {"PATH": path, "COLUMNS": "200", "NO_COLOR": "1"}


def _run(words: list[str], folder: Path = ROOT) -> Answer:
    done = subprocess.run(
        words, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=300
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def _run_accelfront(words: list[str], folder: Path = ROOT) -> Answer:
    """Call it here, which takes a tenth of the time that a process of its own needs to start."""
    with mock.patch.dict(os.environ, _environment(), clear=True):
        return command_line.run(*words, cwd=folder)


def _run_in_shell(text: str, folder: Path) -> Answer:
    """Run a line with bash, or have bash only read it where it is one command of ours."""
    begins_with_ours = text.split()[0] == "accelfront"
    if begins_with_ours and not any(set(word) <= OPERATORS for word in _split(text)):
        read = _run(["bash", "-c", f"printf '%s\\0' {text}"], folder)
        return _run_accelfront(read.stdout.split("\0")[1:-1], folder)
    return _run(["bash", "-c", text], folder)


@cache
def _known_options(*program: str) -> set[str]:
    """The options in a program's help; of a benchmark those in its source, as its help is slow."""
    if program[-1].startswith("benchmarks."):
        text = _read(ROOT.joinpath(*program[-1].split(".")).with_suffix(".py"))
    else:
        ours = program[0] == "accelfront"
        done = _run_accelfront([*program[1:], "--help"]) if ours else _run([*program, "--help"])
        assert done.returncode == 0, done.stderr
        text = done.stdout
    return set(re.findall(r"--[a-z][a-z-]*", text))


def _problem_of_options(command: list[str]) -> str:
    """What is wrong with a command as far as can be told without running it; often nothing."""
    name, *rest = command
    name = name.removeprefix(".venv/bin/")
    if name == "make":
        done = _run(["make", "--dry-run", *rest])
        return done.stderr if done.returncode else ""
    if name == "accelfront" and rest:
        program = [name] if rest[0].startswith("-") else [name, rest[0]]
    elif name == "python" and len(rest) > 1 and rest[1].startswith("benchmarks."):
        program = [name, *rest[:2]]
    elif name == "pytest":
        program = [name]
    else:
        return ""
    try:
        known = _known_options(*program)
    except (AssertionError, OSError) as error:
        return str(error)
    used = {word.partition("=")[0] for word in rest if word.startswith("--") and word != "--"}
    unknown = sorted(used - known)
    return f"{' '.join(program)} has no {', '.join(unknown)}" if unknown else ""


def _problem_of_running(line: Line, folder: Path) -> str:
    done = _run_in_shell(line.text, folder)
    last = _commands(line.text)[-1]
    allowed = {0, IN_PART.get(last[1], 0) if last[0] == "accelfront" else 0}
    if done.returncode in allowed and "Traceback" not in done.stderr:
        return ""
    return f"exit code {done.returncode}\n{done.stderr}"


def _problem(line: Line, folder: Path) -> str:
    commands = _commands(line.text)
    programs = {command[0] for command in commands}
    if line.is_marked or programs == {"make"}:
        return "\n".join(filter(None, map(_problem_of_options, commands)))
    if programs <= HARMLESS:
        return _problem_of_running(line, folder)
    return f"{', '.join(sorted(programs - HARMLESS))} is not run here: mark the block"


def _make_fast(database: Path) -> None:
    """Confirm every point as faster than the baseline, as a busy machine may not see it so.

    The lines that make tasks and scripts of it would have nothing to say otherwise.
    """
    study = optuna.load_study(study_name=None, storage=open_store(f"sqlite:///{database}").optuna)
    for trial in study.get_trials(states=(TrialState.COMPLETE,)):
        point = trial.user_attrs[POINT]
        confirm(study, point, speedup=(1.5, 1.4, 1.6), loss=(0.0, -0.01, 0.01))


@pytest.mark.timeout(900)
def test_every_shell_line_works(tmp_path: Path) -> None:
    studies = tmp_path / "studies"
    studies.mkdir()
    for sweep in (ROOT / "studies").glob("*.yaml"):
        shutil.copy(sweep, studies)
    begun = _run_accelfront(STAND_IN.split()[1:], tmp_path)
    assert begun.returncode == 0, begun.stderr
    _make_fast(tmp_path / "accelfront.db")
    lines = [line for page in _pages() for line in _lines(page)]
    with runs_forked():
        problems = [f"{line}\n{told}" for line in lines if (told := _problem(line, tmp_path))]
    assert not problems, "\n\n".join(problems)


def test_options_of_commands_in_the_text_exist() -> None:
    spans = [(page.name, span) for page in _pages() for span in SPAN.findall(_read(page))]
    problems = [
        f"{page}: `{span}`\n{told}"
        for page, span in spans
        for command in _commands(span.replace("'", ""))
        if (told := _problem_of_options(command))
    ]
    assert not problems, "\n\n".join(problems)


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.name)
def test_no_shell_block_escapes_the_check(page: Path) -> None:
    text = _read(page)
    blocks = BLOCK.findall(text)
    assert len(blocks) == len(ANY_SHELL_FENCE.findall(text)), "shell blocks are unindented ```sh"
    assert {word for marks, _ in blocks for word in marks.split()} <= MARKS


def test_the_index_lists_every_page() -> None:
    assert {page.name for page in INDEX.parent.glob("*.md")} <= {page.name for page in _pages()}


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(_read(page)) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
