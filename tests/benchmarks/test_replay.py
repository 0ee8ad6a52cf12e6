"""A replayed search is told what a sample of prompts says, and is judged by a truth beyond it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest

from benchmarks.search.replay import Replay
from benchmarks.search.searching import Searching
from benchmarks.search.ways import WAYS, auto, starters
from benchmarks.shared.grid_table import TABLES, save_table
from studies.search.samplers import Proposal, Proposer

BUDGET = 0.02


@pytest.fixture(scope="module")
def recorded() -> Replay:
    return Replay(TABLES / "tiny-shapes--DDIM--50--deepcache+tgate.npz", BUDGET)


@pytest.fixture(scope="module")
def tight() -> Replay:
    return Replay(TABLES / "tiny-shapes--DDIM--20--deepcache+tgate.npz", BUDGET)


@pytest.mark.parametrize("screened", [False, True])
def test_a_replayed_search_finds_the_bound_soon(recorded: Replay, screened: bool) -> None:
    for seed in range(2):
        found = Searching(recorded, auto(recorded, seed), screened).run(10)
        # One that learns nothing does not find it at all.
        assert max(recorded.truth[row].speedup for row in found.rows) >= 0.99 * recorded.bound


def test_a_sample_errs_as_one_of_countless_prompts_does(tight: Replay) -> None:
    row = int(np.argmin(np.abs(tight.table.clip_loss - BUDGET)))
    errors, truths = [], []
    for seed in range(200):
        other = tight.redrawn(seed, prompts=32)
        assert len(other.sample) == len(other.fresh(32)) == 32
        truths.append(other.truth[row].loss)
        errors.append(other.loss(row, other.sample).value - truths[-1])
    base, fast = tight.table.baseline_scores.astype(float), tight.table.scores[row].astype(float)
    parts = (base * fast.mean() / base.mean() - fast) / base.mean()
    # A spread that is told from 200 draws errs by 5%.
    assert np.std(errors) == pytest.approx(parts.std() / np.sqrt(32), rel=0.15)
    assert np.std(truths) == pytest.approx(parts.std() / np.sqrt(64), rel=0.15)
    assert np.mean(truths) == pytest.approx(tight.truth[row].loss, abs=0.002)


def test_fresh_prompts_are_others_each_time_and_a_seed_repeats_them(tight: Replay) -> None:
    one, two = tight.redrawn(3), tight.redrawn(3)
    first, second = one.fresh(32), one.fresh(32)
    assert (first == two.fresh(32)).all() and (one.sample == two.sample).all()
    assert not (first == second).all() and not (first == one.sample).all()
    assert one.truth == two.truth != tight.redrawn(4).truth


def test_an_answer_is_judged_by_the_truth_and_not_by_what_was_told(tight: Replay) -> None:
    fooled = []
    for seed in (0, 2):
        replay = tight.redrawn(seed)
        found = Searching(replay, WAYS["random"].make(replay, 0)).run(120)
        for trial, row in zip(found.trials, found.rows, strict=True):
            true = replay.truth[row]
            outcome = replay.outcome(trial)
            assert outcome.verdict == ("right" if true.loss <= BUDGET else "wrong")
            assert outcome.speed == true.speedup / replay.bound
            assert outcome.utility == (outcome.speed if outcome.verdict == "right" else 0)
            if (outcome.verdict == "right") != (trial.clip_loss <= BUDGET):
                fooled.append(outcome.verdict)
        assert replay.study(found.trials).trials == found.trials
    # Prompts err both ways, or there would be nothing to judge.
    assert set(fooled) == {"right", "wrong"}
    none = tight.redrawn(0)
    assert none.outcome(None).verdict == "none"
    assert none.outcome(None).utility == 1 / none.bound


def test_a_share_counts_true_losses(tight: Replay) -> None:
    replay = tight.redrawn(0)
    assert replay.share(range(len(replay.rows))) == pytest.approx(1)
    beyond = [row for row, point in enumerate(replay.truth) if point.loss > BUDGET]
    assert replay.share(beyond) == 0
    assert replay.under(0.5).volume > replay.volume > replay.under(0.005).volume


class Watching(Proposer):
    """Passes proposals on, and looks at what a study was told before."""

    thorough = False

    def __init__(self, inner: Proposer) -> None:
        self.inner = inner
        self.told: list[optuna.trial.FrozenTrial] = []

    def propose(self, study: optuna.Study, taken: Collection[str]) -> Proposal | None:
        self.told = [each for each in study.trials if each.values]
        return self.inner.propose(study, taken)


@pytest.mark.parametrize("name", [name for name in WAYS if not name.startswith("auto")])
def test_rivals_are_told_the_budget_and_begin_alike(tight: Replay, name: str) -> None:
    replay = tight.redrawn(0)
    watching = Watching(WAYS[name].make(replay, 0))
    if WAYS[name].is_extra:
        pytest.importorskip("botorch")
    found = Searching(replay, watching).run(5)
    for trial in watching.told:
        assert trial.constraints == {"clip_loss": pytest.approx(trial.values[1] - BUDGET)}
    if "as Optuna does" not in name:
        assert [trial.params for trial in found.trials[:3]] == starters(replay)


def test_a_grid_with_its_own_timings_tells_the_same_times(tight: Replay, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    baseline = np.full(len(tight.rows), 0.5, dtype=np.float32)
    noise = np.exp(random.normal(0, 0.02, (len(tight.rows), 2)))
    timed = replace(
        tight.table,
        latency_s=(baseline[:, None] / tight.speedup[:, None] * noise).astype(np.float32),
        baseline_latency_s=baseline,
    )
    own = Replay(save_table(timed, tmp_path), BUDGET)
    # Fitted: single timings of 240 points, the luckiest among them, are off by up to 4%.
    assert own.speedup == pytest.approx(tight.speedup, rel=0.02)
    assert own.noise == pytest.approx(0.02 * np.sqrt(2 / 3), rel=0.5)
