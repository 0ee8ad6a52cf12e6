"""What the parser of the command line refuses, said as every other error is."""

from __future__ import annotations

import pytest

from tests.command_line import run


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("study --steps 1e3", "--steps must be a whole number, and '1e3' was given;"),
        ("study --seed 1.5", "--seed must be a whole number, and '1.5' was given;"),
        ("study --timeout soon", "--timeout must be a number, and 'soon' was given;"),
        ("dashboard --port 99999", "--port must be at most 65535, and '99999' was given;"),
        ("dashboard --port=-1", "--port must be at least 0, and '-1' was given;"),
        ("tasks --format csv", "--format: 'csv' is not one of 'sentences', 'jsonl';"),
        ("import search-params", "FILE is missing;"),
        ("verify", "SCRIPT is missing;"),
        ("study --device", "option '--device' requires an argument;"),
        ("study --sheduler LCM", "there is no option '--sheduler'; did you mean --scheduler?"),
        ("front --colour red", "there is no option '--colour';"),
        ("diff a b c", "got unexpected extra argument(s) (c);"),
        ("frnt", "no such command 'frnt'. Did you mean 'front'?"),
    ],
)
def test_refusal_gives_the_rule_the_value_and_the_next_step(arguments: str, told: str) -> None:
    command, *_ = arguments.split()
    command = "" if command == "frnt" else f"{command} "
    answer = run(*arguments.split())
    assert (answer.returncode, answer.stdout) == (2, "")
    shows = f"`accelfront {command}--help` shows what it takes"
    assert answer.stderr == f"accelfront: {told} {shows}\n"


def test_refused_value_is_shown_short_and_on_one_line() -> None:
    answer = run("study", "--steps", "1\n\x1b" + 5000 * "2")
    assert len(answer.stderr) < 250
    assert answer.stderr.count("\n") == 1 and "\x1b" not in answer.stderr
