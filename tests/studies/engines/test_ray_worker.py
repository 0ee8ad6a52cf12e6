"""Which studies a worker of the Ray engine takes, and in which order."""

from __future__ import annotations

import pytest
from optuna.trial import TrialState

from benchmarks.storage.stub_loader import StubLoader
from storage.database.opening import Store
from studies.engines.local import run_one
from studies.request import StudyRequest
from tests.studies.conftest import MakeRequest

pytest.importorskip("ray", reason="needs Ray: pip install '.[ray]'")

from studies.engines.ray_worker import in_order


def test_workers_begin_at_different_pipelines_and_leave_none_half_way(
    make_request: MakeRequest,
) -> None:
    def pipelines(requests: list[StudyRequest]) -> str:
        return "".join(request.pipeline for request in requests)

    requests = [make_request(pipeline=name, steps=n) for name in "abc" for n in (10, 20)]
    orders = [in_order(requests, worker, 4) for worker in (1, 2, 3, 4)]
    assert [pipelines(order) for order in orders] == ["aabbcc", "bbccaa", "ccaabb", "aabbcc"]
    # The longest first; the fourth worker shares the first one's pipeline, and begins elsewhere.
    assert [order[0].steps for order in orders] == [20, 20, 20, 10]


def test_workers_of_one_pipeline_deal_its_baselines_out_and_meet_at_their_last_ones(
    make_request: MakeRequest,
) -> None:
    requests = [
        make_request(scheduler=scheduler, steps=steps, methods=methods)
        for scheduler in ("DDIM", "UniPC")
        for steps in (10, 20)
        for methods in (("deepcache",), ("tgate",), ("deepcache", "tgate"))
    ]

    def begun(worker: int, workers: int) -> list[tuple[str, int]]:
        order = in_order(requests, worker, workers)
        assert sorted(order, key=requests.index) == requests
        series = [order[place : place + 3] for place in range(0, 12, 3)]
        # A stack comes after its methods, which its study begins from.
        assert all(len(each[-1].methods) == 2 for each in series)
        return [(each[0].scheduler, each[0].steps) for each in series]

    assert begun(1, 2) == [("DDIM", 20), ("DDIM", 10), ("UniPC", 10), ("UniPC", 20)]
    assert begun(2, 2) == [("UniPC", 20), ("UniPC", 10), ("DDIM", 10), ("DDIM", 20)]
    assert len({begun(worker, 4)[0] for worker in (1, 2, 3, 4)}) == 4
    # More workers than baselines: each begins with a study of its own.
    firsts = [in_order(requests, worker, 6)[0] for worker in range(1, 7)]
    assert len({(each.scheduler, each.steps, each.methods) for each in firsts}) == 6


def test_a_study_that_a_worker_is_at_is_left_for_later(
    make_request: MakeRequest, store: Store
) -> None:
    """Half of its work would be done twice: the baseline, the warm-up, what is compiled."""
    request = make_request(pipeline="tiny-shapes", steps=6, trials=1, confirm=False, device="cpu")
    loader = StubLoader(lambda: None)

    def go(join: bool) -> str:
        return run_one(request, store, loader, lambda study, progress: None, join=join).state

    assert go(join=False) == "done"
    [study] = store.optuna.get_all_studies()
    trial = store.optuna.create_new_trial(study._study_id)
    assert go(join=False) == "others"
    assert go(join=True) == "done"
    store.optuna.set_trial_state_values(trial, TrialState.FAIL)
    assert go(join=False) == "done"
