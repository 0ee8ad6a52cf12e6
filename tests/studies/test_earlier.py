"""Studies under the first release's fingerprint: reported, and never resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.storage.stub_loader import StubLoader
from objectives.embedded import PIPELINE_DIR
from objectives.model_files.fingerprint import earlier_fingerprint
from storage.database.opening import Store
from storage.reading.studies import read_studies
from studies.earlier import earlier_note
from studies.plan import Plan, make_plan
from studies.run.runner import run_study
from tests.command_line import run
from tests.studies.conftest import MakeRequest

EARLIER = f"tiny-shapes@{earlier_fingerprint(PIPELINE_DIR)}"


def under(plan: Plan, model: str) -> Plan:
    return replace(plan, protocol=plan.protocol.model_copy(update={"model": model}))


@pytest.fixture
def earlier(make_request: MakeRequest, store: Store) -> Plan:
    """A study of two points, as the first release left it."""
    plan = under(make_plan(make_request(trials=2)), EARLIER)
    run_study(plan, store, loader=StubLoader(lambda: None))
    return plan


def test_the_same_command_begins_a_new_study_and_says_so(
    earlier: Plan, make_request: MakeRequest, store: Store
) -> None:
    plan = make_plan(make_request(trials=2))
    note = earlier_note(plan, store)
    assert note.startswith(f"{earlier.study_name} is not resumed")
    assert "\n" not in note
    outcome = run_study(plan, store, loader=StubLoader(lambda: None))
    assert outcome.measured == 2
    assert outcome.study.name != earlier.study_name
    studies = {study.name: study for study in read_studies(store)}
    assert len(studies[earlier.study_name].trials) == 2
    assert len(studies[plan.study_name].trials) == 2


def test_what_is_another_models_or_of_this_release_is_not_told(
    earlier: Plan, make_request: MakeRequest, store: Store
) -> None:
    plan = make_plan(make_request(trials=2))
    for other in (
        make_plan(make_request(methods=("tome",))),
        under(plan, "another@0123456789abcdef"),
        replace(plan, environment=plan.environment.model_copy(update={"device": "a GPU"})),
    ):
        assert earlier_note(other, store) == ""
    of_this = under(plan, "tiny-shapes@fedcba9876543210")
    run_study(of_this, store, loader=StubLoader(lambda: None))
    assert of_this.study_name not in earlier_note(plan, store)


def test_the_command_says_so_and_a_sweep_too(earlier: Plan, store: Store, tmp_path: Path) -> None:
    storage = ("--storage", store.name)
    quick = ("--steps", "6", "--methods", "deepcache", "--num-samples", "2", "--batch-size", "1")
    answer = run(*("study", *quick, "--device", "cpu", "--trials", "1", "--no-confirm", *storage))
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.count(f"{earlier.study_name} is not resumed") == 1
    (tmp_path / "sweep.yaml").write_text(
        "pipelines: tiny-shapes\nschedulers: DDIM\nsteps: 6\nmethods: deepcache\n"
        "protocol: {num_samples: 2, batch_size: 1}\ntrials: 1\n"
    )
    swept = run("sweep", str(tmp_path / "sweep.yaml"), "--device", "cpu", "--no-confirm", *storage)
    assert swept.returncode == 0, swept.stderr
    assert f"{earlier.study_name} is not resumed" in " ".join(swept.stdout.split())
