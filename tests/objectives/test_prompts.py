from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from objectives.errors import InputError
from objectives.prompts import draw_prompts, prompts_fingerprint, read_prompts

KNOWN_DRAW = list("eghbfacd")


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_text_file_has_one_prompt_a_line_in_its_order(tmp_path: Path) -> None:
    path = write(tmp_path, "p.txt", "b, with a comma\n  a  \n")
    assert read_prompts(path) == ["b, with a comma", "a"]


def test_blank_lines_are_left_out(tmp_path: Path) -> None:
    assert read_prompts(write(tmp_path, "p.txt", "\na\n \t\n\nb\n\n")) == ["a", "b"]
    assert read_prompts(write(tmp_path, "p.jsonl", '\n{"prompt": "a"}\n\n')) == ["a"]
    assert read_prompts(write(tmp_path, "p.csv", "prompt,n\na,1\n\n,2\n")) == ["a"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_of_every_system_are_understood(tmp_path: Path, end: str) -> None:
    assert read_prompts(write(tmp_path, "p.txt", end.join("ab"))) == ["a", "b"]
    assert read_prompts(write(tmp_path, "p.tsv", end.join(["prompt", "a", "b"]))) == ["a", "b"]


@pytest.mark.parametrize("column", ["prompt", "Prompt", "CAPTION", "text", " caption "])
def test_column_goes_by_any_of_its_names(tmp_path: Path, column: str) -> None:
    assert read_prompts(write(tmp_path, "p.tsv", f"id\t{column}\n1\ta cat\n")) == ["a cat"]
    assert read_prompts(write(tmp_path, "p.csv", f"id,{column}\n1,a cat\n")) == ["a cat"]
    line = json.dumps({"id": 1, column: "a cat"})
    assert read_prompts(write(tmp_path, "p.jsonl", line)) == ["a cat"]


def test_prompt_column_wins_over_caption_and_text(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "text,caption,prompt\nno,no,yes\n")
    assert read_prompts(path) == ["yes"]


def test_parti_prompts_layout_reads_as_it_is(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "PartiPrompts.tsv",
        'Prompt\tCategory\tChallenge\tNote\na sign that says "Go"\tText\tBasic\t\n"x\tText\t\t\n',
    )
    assert read_prompts(path) == ['a sign that says "Go"', '"x']


def test_quotes_of_a_csv_file_hold_commas_and_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", 'prompt\n"a, b"\n"two\nlines"\n"say ""hi"""\n')
    assert read_prompts(path) == ["a, b", "two\nlines", 'say "hi"']


def test_byte_order_mark_is_no_part_of_the_first_prompt_or_column(tmp_path: Path) -> None:
    assert read_prompts(write(tmp_path, "p.txt", b"\xef\xbb\xbfa")) == ["a"]
    assert read_prompts(write(tmp_path, "p.csv", b"\xef\xbb\xbfprompt\na\n")) == ["a"]


def test_suffix_counts_whatever_its_case(tmp_path: Path) -> None:
    assert read_prompts(write(tmp_path, "P.TXT", "a")) == ["a"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("p.txt", "", "holds no prompt"),
        ("p.txt", " \n\n", "holds no prompt"),
        ("p.csv", "prompt\n", "holds no prompt"),
        ("p.jsonl", "\n", "holds no prompt"),
        ("p.txt", b"\x89PNG\r\n\x1a\n\xff\xfe", "not UTF-8"),
        ("p.txt", b"a\0b\0", "binary"),
        ("p.png", "a", "rename it"),
        ("prompts", "a", "rename it"),
        ("p.csv", "id,words\n1,a\n", "it has: id, words"),
        ("p.tsv", "id\tPrompts\n1\ta\n", "it has: id, prompts"),
        ("p.jsonl", '{"id": 1}\n', "it has: id"),
        ("p.jsonl", "{}\n", "it has: none"),
        ("p.csv", "", "it has: none"),
        ("p.csv", 'prompt\na\n"b\nc\n', "not a table"),
        ("p.jsonl", '{"prompt": "a"}\n{"prompt": \n', "line 2 is not JSON"),
        ("p.jsonl", "[" * 100_000, "line 1 is not JSON"),
        ("p.jsonl", '["a"]\n', "line 1 must be an object"),
        ("p.jsonl", '{"prompt": null}\n', "line 1: prompt must be text"),
        ("p.jsonl", '{"prompt": ["a"]}\n', "line 1: prompt must be text"),
        ("p.jsonl", '{"prompt": "\\ud83d"}\n', "line 1 is not JSON: '\\ud83d' holds half a"),
        # As in all other files: it would do harm where it is read, so it is read nowhere.
        (
            "p.jsonl",
            '{"prompt": "a", "by": "\\ud83d"}\n',
            "line 1 is not JSON: '\\ud83d' holds half a",
        ),
    ],
)
def test_unusable_file_is_refused_in_one_line_that_names_it(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(InputError) as refusal:
        read_prompts(path)
    message = str(refusal.value)
    assert reason in message
    assert str(path) in message
    assert "\n" not in message


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="No such file or directory; name a file with one prompt on each"
    ):
        read_prompts(tmp_path / "missing.txt")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(InputError, match="folder"):
        read_prompts(tmp_path / "folder.txt")


def _prompts(excluded: str) -> st.SearchStrategy[list[str]]:
    """Lists of prompts as a file can hold them: nothing blank, no blank ends, no NUL."""
    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r" + excluded)
    prompt = st.text(characters, min_size=1).map(str.strip).filter(bool)
    # A mark at the very start of a file is its encoding's, not the prompt's.
    return st.lists(prompt, min_size=1).filter(lambda prompts: prompts[0][0] != "\ufeff")


shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@shared_folder
@given(prompts=_prompts("\n"))
def test_text_file_round_trip(tmp_path: Path, prompts: list[str]) -> None:
    assert read_prompts(write(tmp_path, "p.txt", "\n".join(prompts))) == prompts


@shared_folder
@given(prompts=_prompts("\n\t"))
def test_tsv_round_trip(tmp_path: Path, prompts: list[str]) -> None:
    rows = [f"{number}\t{prompt}\n" for number, prompt in enumerate(prompts)]
    assert read_prompts(write(tmp_path, "p.tsv", "id\tprompt\n" + "".join(rows))) == prompts


@shared_folder
@given(prompts=_prompts(""))
def test_csv_round_trip(tmp_path: Path, prompts: list[str]) -> None:
    path = tmp_path / "p.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["prompt", "id"], *([prompt, "1"] for prompt in prompts)])
    assert read_prompts(path) == prompts


@shared_folder
@given(prompts=_prompts(""), ascii_only=st.booleans())
def test_json_lines_round_trip(tmp_path: Path, prompts: list[str], ascii_only: bool) -> None:
    lines = [json.dumps({"prompt": prompt}, ensure_ascii=ascii_only) for prompt in prompts]
    assert read_prompts(write(tmp_path, "p.jsonl", "\n".join(lines))) == prompts


def test_prompts_are_drawn_the_same_on_every_machine() -> None:
    # Kept in studies: a change here would mix points of other prompts into them.
    letters = list("abcdefgh")
    assert draw_prompts(letters, 0) == KNOWN_DRAW
    assert draw_prompts([*reversed(letters), "c"], 0) == KNOWN_DRAW
    assert sorted(draw_prompts(letters, 1)) == letters
    assert draw_prompts(letters, 1) != KNOWN_DRAW


def test_without_a_seed_prompts_are_as_the_file_has_them() -> None:
    assert draw_prompts(["b", "a", "b"], None) == ["b", "a", "b"]


def test_a_number_that_nobody_reads_may_have_any_size(tmp_path: Path) -> None:
    path = write(tmp_path, "p.jsonl", '{"n": ' + "9" * 5000 + ', "prompt": "a"}')
    assert read_prompts(path) == ["a"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", "b"], ["a", "c"]),
        (["a", "b"], ["b", "a"]),
        (["a", "b"], ["a"]),
        (["a\nb", "c"], ["a", "b\nc"]),
        (["ab"], ["a", "b"]),
    ],
)
def test_prompts_fingerprint_changes_with_any_prompt_and_the_order(
    one: list[str], other: list[str]
) -> None:
    assert prompts_fingerprint(one) != prompts_fingerprint(other)
    assert prompts_fingerprint(one) == prompts_fingerprint(tuple(one))
    assert len(prompts_fingerprint(one)) == 8
