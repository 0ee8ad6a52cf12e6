from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from storage.database.baselines import baseline_key, find_baseline, keep_baseline
from storage.database.opening import Store

KEY = baseline_key({"pipeline": "tiny-shapes"})

SCORES = [0.1, 1 / 3, -0.0, 1e-17]

EMBEDDINGS = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)


def test_baseline_comes_back_bit_for_bit(store: Store) -> None:
    keep_baseline(store.engine, KEY, SCORES, EMBEDDINGS)
    found = find_baseline(store.engine, KEY)
    assert found is not None
    scores, embeddings = found
    assert scores == SCORES
    assert embeddings.dtype == np.float32
    np.testing.assert_array_equal(embeddings, EMBEDDINGS)


def test_baseline_comes_back_after_reopening(
    store: Store, url: str, opened: Callable[..., Store]
) -> None:
    keep_baseline(store.engine, KEY, SCORES, EMBEDDINGS)
    found = find_baseline(opened(url).engine, KEY)
    assert found is not None
    assert found[0] == SCORES


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    embeddings=st.tuples(st.integers(1, 5), st.integers(1, 8)).flatmap(
        lambda shape: arrays(np.float32, shape, elements=st.floats(-1, 1, width=32))
    ),
)
def test_any_baseline_round_trips(
    sqlite_url: str, opened: Callable[..., Store], embeddings: Any
) -> None:
    engine = _engine(sqlite_url, opened)
    key = f"example {next(_examples)}"
    scores = [float(row.sum()) for row in embeddings]
    keep_baseline(engine, key, scores, embeddings)
    found = find_baseline(engine, key)
    assert found is not None
    assert found[0] == scores
    np.testing.assert_array_equal(found[1], embeddings)


_engines: dict[str, Any] = {}

_examples = count()


def _engine(url: str, opened: Callable[..., Store]) -> Any:
    """One engine for all the examples of a test."""
    if url not in _engines:
        _engines[url] = opened(url, create=True).engine
    return _engines[url]


@pytest.mark.parametrize("turn", [np.asfortranarray, lambda values: values.astype(">f4")])
def test_layout_in_memory_does_not_matter(store: Store, turn: Callable[[Any], Any]) -> None:
    keep_baseline(store.engine, KEY, SCORES, turn(EMBEDDINGS))
    found = find_baseline(store.engine, KEY)
    assert found is not None
    np.testing.assert_array_equal(found[1], EMBEDDINGS)


def test_unknown_baseline_is_none(store: Store) -> None:
    keep_baseline(store.engine, KEY, SCORES, EMBEDDINGS)
    assert find_baseline(store.engine, baseline_key({"pipeline": "SDXL"})) is None


def test_first_baseline_stays(store: Store) -> None:
    keep_baseline(store.engine, KEY, SCORES, EMBEDDINGS)
    keep_baseline(store.engine, KEY, [0.5] * 4, -EMBEDDINGS)
    found = find_baseline(store.engine, KEY)
    assert found is not None
    assert found[0] == SCORES
    np.testing.assert_array_equal(found[1], EMBEDDINGS)


def test_key_changes_with_everything_in_the_identity() -> None:
    identity: dict[str, Any] = {
        "pipeline": "tiny-shapes",
        "steps": 20,
        "protocol": {"seed": 0, "dtype": "float32"},
        "environment": {"device": "a", "versions": {"torch": "2.12.0"}},
    }
    changed = [
        identity | {"pipeline": "SDXL"},
        identity | {"steps": 50},
        identity | {"steps": "20"},
        identity | {"protocol": {"seed": 1, "dtype": "float32"}},
        identity | {"environment": {"device": "b", "versions": {"torch": "2.12.0"}}},
        identity | {"environment": {"device": "a", "versions": {"torch": "2.12.1"}}},
        identity | {"more": None},
    ]
    assert len({baseline_key(each) for each in (identity, *changed)}) == len(changed) + 1


def test_key_does_not_change_with_the_order_of_names() -> None:
    one = {"a": 1, "b": {"c": 2, "d": 3}}
    other = {"b": {"d": 3, "c": 2}, "a": 1}
    assert baseline_key(one) == baseline_key(other)
    assert len(baseline_key(one)) == 64
