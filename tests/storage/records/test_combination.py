from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from storage.records.combination import Combination, StudyName
from tests.made_records import made_combination

dashed = st.from_regex(r"[A-Za-z0-9_.+]+(-[A-Za-z0-9_.+]+)*", fullmatch=True)
"""As `tiny-shapes-xl`, `FLUX.1-dev` and `DPM-Solver++`."""

method = st.from_regex(r"[a-z][a-z0-9_]*(-[a-z0-9_]+)*", fullmatch=True)

combinations = st.builds(
    Combination,
    pipeline=dashed,
    scheduler=dashed,
    steps=st.integers(1, 10**9 - 1),
    methods=st.lists(method, min_size=1, max_size=4).map(tuple),
)


def test_a_name_is_written_as_it_always_was() -> None:
    combination = made_combination("deepcache", "tgate", scheduler="DPM-Solver++")
    assert combination.name == "tiny-shapes--DPM-Solver++--20--deepcache+tgate"
    assert combination.study_name("0a1b2c3d") == f"{combination.name}--0a1b2c3d"


@given(combinations, st.from_regex("[0-9a-f]{8}", fullmatch=True))
def test_what_is_written_is_read(combination: Combination, digest: str) -> None:
    assert Combination.read(combination.name) == combination
    assert StudyName.read(combination.study_name(digest)) == (combination, digest)


@given(st.text(alphabet="a-+20", max_size=20) | st.text())
def test_what_is_read_of_any_name_would_be_written_so(name: str) -> None:
    combination = Combination.read(name)
    assert combination is None or combination.name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "mine",
        "a study -- mine",
        "tiny-shapes--DDIM--20",
        "tiny-shapes--DDIM--020--tome",
        "tiny-shapes--DDIM--0--tome",
        "tiny-shapes--DDIM--many--tome",
        "tiny-shapes--DDIM--20--",
        "tiny-shapes----20--tome",
        "tiny-shapes--DDIM--20--tome+",
        "tiny-shapes--DDIM--20--tome--0a1b2c3d",
        "tiny-shapes--DDIM--99999999999--tome",
    ],
)
def test_a_name_that_a_person_gave_has_no_combination(name: str) -> None:
    assert Combination.read(name) is None


def test_the_digest_of_a_name_that_a_person_gave_is_its_end() -> None:
    assert StudyName.read("mine") == (None, "mine")
    assert StudyName.read("mine--second") == (None, "second")


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"steps": "20"}, {"methods": []}, {"methods": "tome"}, {"pipeline": None}],
)
def test_what_is_no_combination_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Combination.model_validate(made_combination().as_json() | wrong)


def test_json_is_read_and_written_back_with_fields_of_later_releases() -> None:
    kept = made_combination().as_json() | {"added_later": [1, 2]}
    assert Combination.model_validate(kept).as_json() == kept
