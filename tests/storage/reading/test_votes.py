"""Votes on pictures: kept as they were given, and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import optuna
import pytest
from sqlalchemy import text

from storage.database.opening import Store
from storage.database.schema import votes
from storage.database.votes import Vote, Winner, keep_votes, read_votes, require_room_for_votes
from storage.errors import StorageError
from storage.reading.studies import read_studies
from storage.records.conclusions.win_rate import WinRate
from storage.study_store.deletions import put_right
from tests.made_reports import keep, made_study, made_trial

VOTE = Vote(1, 0, 1, None, 0, "trial", "trial", "Ada")

RIVAL = replace(VOTE, trial_number=1, rival_trial_number=0)


@pytest.fixture
def stored(store: Store) -> Store:
    keep(store, made_study([made_trial(0, 1.5, 0.0), made_trial(1, 2.0, 0.01)]))
    return store


def vote(store: Store, *winners: Winner, **changes: object) -> None:
    changed = [replace(VOTE, winner=winner, **changes) for winner in winners]  # type: ignore[arg-type]
    keep_votes(store.engine, changed)


def test_votes_read_back_in_their_order_and_none_replaces_another(stored: Store) -> None:
    vote(stored, "trial", "rival")
    vote(stored, "neither", pair=3, voter="张三")
    read = read_votes(stored.engine, [1])
    assert [(each.winner, each.voter) for each in read] == [
        ("trial", "Ada"), ("rival", "Ada"), ("neither", "张三"),
    ]  # fmt: skip
    assert read_votes(stored.engine, [2]) == []


def test_the_last_vote_of_a_person_on_a_pair_counts(stored: Store) -> None:
    vote(stored, "trial", "rival")
    vote(stored, "trial", voter="Bo")
    vote(stored, "neither", "withdrawn", pair=1)
    vote(stored, "trial", "withdrawn", "neither", pair=2)
    [study] = read_studies(stored)
    assert study.votes == {0: {"baseline": WinRate(1, 1, 1)}}
    [point] = study.points_json(study.trials[:1])
    assert point["votes"]["baseline"] == {
        "wins": 1, "ties": 1, "losses": 1, "win_rate": 0.5,
        "win_rate_ci": [0.125334, 0.874666],
    }  # fmt: skip
    assert "votes" not in study.points_json(study.trials)[1]


def test_votes_on_two_trials_count_for_both_whichever_was_named_first(stored: Store) -> None:
    keep_votes(stored.engine, [replace(RIVAL, pair=0)])
    # The same pair and person, the other way round: the trial that lost before lost again.
    turned = replace(RIVAL, trial_number=0, rival_trial_number=1, winner="rival")
    keep_votes(stored.engine, [turned, replace(turned, pair=1, winner="trial")])
    [study] = read_studies(stored)
    assert study.votes == {
        0: {f"{study.name}/1": WinRate(1, 0, 1)},
        1: {f"{study.name}/0": WinRate(1, 0, 1)},
    }


def test_a_study_read_alone_has_its_votes_against_another_one(stored: Store) -> None:
    other = made_study([made_trial(0, 3.0, 0.01)], steps=10)
    keep(stored, other)
    vote(stored, "rival", rival_study_id=2, rival_trial_number=0)
    [read] = read_studies(stored, other.name)
    [first] = read_studies(stored, made_study([]).name)
    assert read.votes == {0: {f"{first.name}/0": WinRate(1, 0, 0)}}
    assert first.votes == {0: {f"{other.name}/0": WinRate(0, 0, 1)}}


def test_votes_go_with_the_trials_that_they_are_of(stored: Store) -> None:
    keep(stored, made_study([made_trial(0, 3.0, 0.01)], steps=10))
    vote(stored, "trial")
    vote(stored, "trial", rival_study_id=2, rival_trial_number=0)
    put_right(stored.engine)
    assert len(read_votes(stored.engine, [1])) == 2
    optuna.delete_study(study_name=made_study([], steps=10).name, storage=stored.optuna)
    put_right(stored.engine)
    assert [each.rival_trial_number for each in read_votes(stored.engine, [1])] == [None]


def test_a_database_of_an_earlier_release_is_read_and_gets_the_table(
    url: str, opened: Callable[..., Store]
) -> None:
    earlier = opened(url, create=True)
    keep(earlier, made_study([made_trial(0, 1.5, 0.0)]))
    votes.drop(earlier.engine)
    earlier.engine.dispose()
    store = opened(url)
    assert read_studies(store)[0].votes == {}
    require_room_for_votes(store.engine, store.name)
    vote(store, "trial")
    [kept] = read_votes(store.engine, [1])
    assert kept.voted_at is not None and replace(kept, voted_at=None) == VOTE
    long_ago = replace(VOTE, voted_at=datetime(2025, 1, 2, 3, 4, 5))
    keep_votes(store.engine, [long_ago])
    assert read_votes(store.engine, [1])[1] == long_ago


def test_a_database_that_takes_no_votes_is_told_in_one_line_and_asking_leaves_none(
    url: str, stored: Store, opened: Callable[..., Store]
) -> None:
    require_room_for_votes(stored.engine, stored.name)
    with stored.engine.begin() as connection:
        assert connection.execute(votes.select()).all() == []
        if url.startswith("postgres"):
            rule = f"ALTER DATABASE {stored.engine.url.database} SET default_transaction_read_only"
            connection.execute(text(f"{rule} = on"))
        else:
            refuse = "SELECT RAISE(FAIL, 'attempt to write a readonly database')"
            connection.execute(
                text(f"CREATE TRIGGER full BEFORE INSERT ON accelfront_votes BEGIN {refuse}; END")
            )
    store = opened(url)
    told = r"takes no votes: .*(readonly|read-only).*; with --out FILE"
    with pytest.raises(StorageError, match=told):
        require_room_for_votes(store.engine, store.name)
    with pytest.raises(StorageError, match=r"the vote could not be kept: .*read"):
        vote(store, "trial")
