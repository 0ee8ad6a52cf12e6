from __future__ import annotations

import ast
import json
from collections.abc import Callable

import pytest

from storage.database.opening import Store
from storage.errors import StorageError
from storage.reading.prototype import read_search_params, write_search_params, write_speedup_bounds
from storage.reading.studies import read_studies
from storage.records.budgets import Budgets
from storage.records.study import Study
from tests import made_reports
from tests.made_records import changed, made_point
from tests.made_studies import add_point, add_study

KEY = "('tiny-shapes', 'DDIM', 20, 3.04, 0.02, ['deepcache', 'tgate'])"


def made_study(*points: tuple[float, float], name: str = "one") -> Study:
    """A study with points of these speedups and CLIP losses."""
    trials = [
        made_point(number, {"cache_interval": 2 + number, "warm_up": 1}, *values)
        for number, values in enumerate(points)
    ]
    return changed(made_reports.made_study(trials, methods=["tgate", "deepcache"]), name=name)


def test_search_params_are_keyed_and_spelled_as_the_prototype_did() -> None:
    content, left = write_search_params([made_study((3.0391, 0.011))])
    assert content == {KEY: {"cache_interval": 2, "warmup": 1}}
    assert left == []


def test_search_params_hold_the_front_inside_the_budget() -> None:
    study = made_study((4.0, 0.03), (3.0, 0.01), (2.9, 0.015), (2.0, -0.01))
    content, _ = write_search_params([study])
    assert [ast.literal_eval(key)[3] for key in content] == [3.0, 2.0]


def test_of_two_points_with_one_key_that_of_less_loss_stays_and_this_is_told() -> None:
    content, left = write_search_params([made_study((2.004, 0.01), (2.001, 0.005))])
    [params] = content.values()
    assert params["cache_interval"] == 3
    [line] = left
    assert "one, trial 1" in line


def test_speedup_bounds_are_keyed_without_the_speedup() -> None:
    bounds, left = write_speedup_bounds([made_study((4.0, 0.03), (3.0391, 0.01), (2.0, 0.0))])
    assert bounds == {"('tiny-shapes', 'DDIM', 20, 0.02, ['deepcache', 'tgate'])": 3.0391}
    assert left == []


def test_a_study_with_no_point_inside_has_no_bound_and_this_is_told() -> None:
    bounds, left = write_speedup_bounds([made_study((4.0, 0.03), name="lossy"), made_study()])
    assert bounds == {}
    assert "lossy" in left[0]
    assert len(left) == 2


def test_of_two_studies_with_one_key_the_greater_bound_stays_and_this_is_told() -> None:
    studies = [made_study((2.0, 0.0)), made_study((3.0, 0.0), name="two")]
    for order in (studies, studies[::-1]):
        bounds, left = write_speedup_bounds(order)
        assert list(bounds.values()) == [3.0]
        assert order[1].name in left[0]


def test_another_loss_budget_gives_other_points_and_keys() -> None:
    study = changed(made_study((4.0, 0.03), (3.0, 0.01)), budgets=Budgets(0.05))
    content, _ = write_search_params([study])
    bounds, _ = write_speedup_bounds([study])
    assert [ast.literal_eval(key)[3:5] for key in content] == [(4.0, 0.05), (3.0, 0.05)]
    assert list(bounds.values()) == [4.0]


def test_what_is_written_reads_back_as_it_was(
    sqlite_url: str, opened: Callable[..., Store]
) -> None:
    store = opened(sqlite_url, create=True)
    study = add_study(store, "deepcache", "tome")
    point = {"cache_interval": 3, "ratio": 0.5, "warm_up": 2}
    add_point(study, point, (2.0, 1.9, 2.1), (0.01, 0.0, 0.02))
    content, _ = write_search_params(read_studies(store))
    [entry], problems = read_search_params(json.dumps(content))
    assert problems == []
    assert (entry.pipeline, entry.scheduler, entry.steps) == ("tiny-shapes", "DDIM", 20)
    assert entry.methods == ("deepcache", "tome")
    assert entry.params == point
    assert isinstance(entry.params["cache_interval"], int)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("no tuple", "{}", "a key is the text of"),
        ("__import__('os').getcwd()", "{}", "a key is the text of"),
        ("('a', 'b', 1)", "{}", "a key is the text of"),
        ("(" * 5000, "{}", "a key is the text of"),
        ("(1, 'DDIM', 20, 3.04, 0.02, ['tome'])", "{}", "pipeline must be text"),
        ("('a', 'DDIM', True, 3.04, 0.02, ['tome'])", "{}", "steps must be"),
        ("('a', 'DDIM', 20, '3', 0.02, ['tome'])", "{}", "speedup must be"),
        ("('a', 'DDIM', 20, 0, 0.02, ['tome'])", "{}", "speedup must be"),
        ("('a', 'DDIM', 20, 3.04, None, ['tome'])", "{}", "loss budget must be"),
        ("('a', 'DDIM', 20, 3.04, 0.02, 'tome')", "{}", "list of names"),
        ("('a', 'DDIM', 20, 3.04, 0.02, [1])", "{}", "list of names"),
        ("('a', 'DDIM', 20, 3.04, 0.02, [])", "{}", "at least one method"),
        (KEY, "[1]", "object of parameters"),
        (KEY, '{"ratio": "0.5"}', "ratio must be a number"),
        (KEY, '{"ratio": true}', "ratio must be a number"),
        (KEY, '{"ratio": NaN}', "ratio must be a number"),
        (KEY, '{"ratio": 1e999}', "ratio must be a number"),
        (KEY, f'{{"ratio": 1{"0" * 400}}}', "ratio must be a number"),
        (KEY, '{"warmup": 1, "warm_up": 2}', "given twice"),
    ],
)
def test_a_bad_entry_is_told_with_its_key_and_the_good_one_stays(
    key: str, value: str, expected: str
) -> None:
    text = f'{{{json.dumps(key)}: {value}, {json.dumps(KEY)}: {{"ratio": 0.5}}}}'
    entries, [problem] = read_search_params(text)
    assert [entry.params for entry in entries] == [{"ratio": 0.5}]
    assert expected in problem
    assert problem.startswith(key[:100])
    assert len(problem) < 400


def test_a_key_given_twice_counts_twice() -> None:
    text = f'{{"{KEY}": {{"ratio": 0.5}}, "{KEY}": {{"ratio": 0.1}}}}'
    entries, _ = read_search_params(text)
    assert [entry.params for entry in entries] == [{"ratio": 0.5}, {"ratio": 0.1}]


def test_a_key_cannot_write_control_characters_to_the_screen() -> None:
    _, [problem] = read_search_params('{"\\u001b[31mred\\nline": {}}')
    assert problem.isprintable()


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "is empty"), *((text, "JSON") for text in ("{", "[]", "3", "[" * 100_000))],
)
def test_a_text_that_is_no_object_is_refused(text: str, reason: str) -> None:
    with pytest.raises(StorageError, match=reason):
        read_search_params(text)
