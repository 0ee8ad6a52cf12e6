"""Parameters are `method.parameter` between rooms, and have their old names in databases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_space.methods import METHODS
from storage.records.points import (
    STORED_SHORT,
    by_short_names,
    by_stored_names,
    by_whole_names,
    point_key,
    point_text,
)

NAMES = st.from_regex(r"[a-z_]{1,6}(\.[a-z_]{1,6})?", fullmatch=True) | st.sampled_from(
    sorted(STORED_SHORT)
)


def test_studies_of_the_first_edition_find_their_names_again() -> None:
    stored = {"cache_interval": 3, "gate_step": 5, "ratio": 0.5}
    whole = {"deepcache.cache_interval": 3, "tgate.gate_step": 5, "tome.ratio": 0.5}
    assert by_whole_names(stored) == whole
    assert by_stored_names(whole) == stored
    assert point_key(whole) == point_key(stored) == "cache_interval=3 gate_step=5 ratio=0.5"


def test_a_parameter_of_a_later_method_is_stored_under_its_whole_name() -> None:
    whole = {"taylorseer.cache_interval": 4, "deepcache.cache_interval": 3}
    assert by_stored_names(whole) == {"taylorseer.cache_interval": 4, "cache_interval": 3}
    assert by_whole_names(by_stored_names(whole)) == whole


@given(st.dictionaries(NAMES, st.integers(0, 9), max_size=5))
def test_stored_names_lead_back_to_whole_ones(point: dict[str, int]) -> None:
    whole = by_whole_names(point)
    assert by_whole_names(by_stored_names(whole)) == whole
    assert point_key(whole) == point_key(by_stored_names(whole))


@pytest.mark.parametrize(
    ("whole", "text"),
    [
        (
            {"taylorseer.max_order": 1, "taylorseer.cache_interval": 4},
            "max_order=1 cache_interval=4",
        ),
        ({"one.level": 1, "other.level": 2}, "one.level=1 other.level=2"),
        ({"<img onerror='document.title=1'>": 7}, "<img onerror='document.title=1'>=7"),
    ],
)
def test_a_screen_leaves_the_method_out_where_a_name_is_unique(
    whole: dict[str, int], text: str
) -> None:
    assert point_text(whole) == text
    assert list(by_short_names(whole).values()) == list(whole.values())


def test_each_short_name_has_a_method_of_ours() -> None:
    assert set(STORED_SHORT.values()) <= METHODS.keys()
