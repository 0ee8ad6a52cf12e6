"""Commands that are written for people, read back by the option parser of the command line."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args
from unittest import mock

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna_dashboard import get_note

from accelfront.cli.app import app
from benchmarks.storage.stub_loader import StubLoader
from objectives.embedded import SCORER_DIR
from objectives.pipelines.catalogue import PIPELINES
from objectives.settings.generation import AskedLora, GenerationSettings
from storage.database.opening import Store
from storage.reading.studies import read_studies
from storage.records.budgets import MEMORY
from storage.records.protocol import Dtype
from storage.records.requirement import Requirement
from studies.commands import going_on, onward_command, study_command
from studies.plan import make_plan
from studies.request import SAMPLERS, StudyRequest
from studies.run.runner import run_study
from tests.made_records import changed
from tests.studies.conftest import MakeRequest

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)
POSITIVE = st.floats(0.001, 1e6)

LOSSES = st.none() | st.integers(1, 500_000).map(lambda millionths: millionths / 1e6)
"""Budgets of at most ten digits, which `--budget` writes."""

PARTS: dict[str, st.SearchStrategy[Any]] = dict(
    # The catalogue gives what a command leaves out, so it is asked first.
    pipeline=st.sampled_from([*PIPELINES]),
    scheduler=TEXTS,
    steps=st.integers(1, 1000),
    methods=st.lists(st.sampled_from(["deepcache", "tgate", "tome"]), min_size=1).map(tuple),
    trials=st.integers(1, 10**6),
    num_samples=st.none() | st.integers(2, 10**6),
    batch_size=st.none() | st.integers(1, 10**6),
    seed=st.integers(0, 10**9),
    sampler=st.sampled_from(SAMPLERS),
    prompts=st.none() | TEXTS.map(Path),
    model=st.none() | TEXTS,
    revision=st.none() | TEXTS,
    scorer=st.none() | TEXTS,
    generation=st.builds(
        GenerationSettings,
        guidance_scale=st.none() | st.floats(1.001, 1000),
        size=st.none() | st.tuples(st.integers(8, 8192), st.integers(8, 8192)),
        dtype=st.none() | st.sampled_from(get_args(Dtype)),
        negative_prompt=st.text(max_size=50).filter(str.isprintable),
        scheduler_options=st.dictionaries(
            st.from_regex("[a-z][a-z0-9_]{0,9}", fullmatch=True),
            st.booleans()
            | st.integers(-(10**9), 10**9)
            | st.floats(-1e9, 1e9)
            | st.sampled_from(["linspace", "dpmsolver++", "v_prediction"]),
            max_size=2,
        ),
        loras=st.lists(
            st.builds(AskedLora, TEXTS.map(Path), st.floats(0.001, 100)), max_size=2
        ).map(tuple),
    ),
    metrics=st.sampled_from([(), ("ms_ssim",), ("ms_ssim", "attributes")]),
    weights=st.dictionaries(
        st.sampled_from(["lpips", "dino"]), st.builds(Path, st.just("a b.pth"))
    ),
    loss=st.sampled_from(["clip_loss", "image_similarity"]),
    device=st.sampled_from(["auto", "cpu", "cuda:3"]),
    timeout_s=st.none() | POSITIVE,
    trial_timeout_s=st.none() | POSITIVE,
    requirement=st.builds(
        Requirement, speedup=st.none() | POSITIVE, latency_s=st.none() | POSITIVE
    ),
    loss_budget=st.none() | st.floats(-0.99, 0.5),
    conditions=st.fixed_dictionaries(
        {}, optional={"ssim": LOSSES, "psnr": LOSSES, MEMORY: st.none() | st.integers(1, 10**6)}
    ),
    allow_version_drift=st.booleans(),
    screening=st.booleans(),
    retry_failed=st.booleans(),
    confirm=st.booleans(),
)


def with_sound_budget(request: StudyRequest) -> StudyRequest:
    """A CLIP loss may be below 0; another one is from 0 to a half."""
    if request.loss == "clip_loss" or request.loss_budget is None:
        return request
    return replace(request, loss_budget=round(min(abs(request.loss_budget), 0.5), 6))


REQUESTS = st.builds(StudyRequest, **PARTS).map(with_sound_budget)


def test_no_field_of_a_request_is_left_out() -> None:
    # `accelfront study` sets the budget that it is given; other uses are not its own.
    assert PARTS.keys() | {"budget_use"} == {field.name for field in fields(StudyRequest)}


class Asked(Exception):
    """Ends a command once it knows what is asked for."""


def read_back(command: str) -> StudyRequest:
    """The request that `accelfront study` makes of a command."""
    program, *words = shlex.split(command)
    assert program == "accelfront"
    with mock.patch("studies.plan.check_request", side_effect=Asked) as check:
        with pytest.raises(Asked):
            app(words, standalone_mode=False)
        [request] = check.call_args.args
    assert isinstance(request, StudyRequest)
    return request


@settings(max_examples=60)
@given(REQUESTS)
def test_a_command_asks_for_what_it_was_written_from(request: StudyRequest) -> None:
    assert read_back(study_command(request, "sqlite:///a b.db")) == request


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_samples": 3, "batch_size": 2, "seed": 7},
        {"methods": ("tome",)},
        {"generation": GenerationSettings(8.0, (72, 64), "bfloat16", "a 'blue' circle")},
        {
            "scheduler": "EulerDiscrete",
            "generation": GenerationSettings(
                scheduler_options={"use_karras_sigmas": True, "timestep_spacing": "trailing"}
            ),
        },
    ],
)
def test_a_stored_study_goes_on_under_its_own_name(
    make_request: MakeRequest, store: Store, changes: dict[str, object]
) -> None:
    plan = make_plan(make_request(trials=1, **changes))
    run_study(plan, store, loader=StubLoader(lambda: None))
    [record] = read_studies(store)
    again = read_back(study_command(going_on(record)))
    assert make_plan(again).study_name == plan.study_name
    assert again.trials == min(16, len(plan.stack.points))
    assert again.loss_budget is None, "the study keeps its own"
    gained = read_back(onward_command(record, metrics=["lpips", *again.metrics]))
    assert sorted(gained.metrics) == sorted([*again.metrics, "lpips"])


@pytest.fixture
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with prompts and a scorer of one's own."""
    here = tmp_path / "here"
    (here / "my").mkdir(parents=True)
    (here / "my prompts.txt").write_text("a red star\na blue ring\n")
    shutil.copytree(SCORER_DIR, here / "my" / "scorer")
    monkeypatch.chdir(here)
    return here


def test_files_of_ones_own_are_found_from_another_folder(
    make_request: MakeRequest, store: Store, own_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_request(trials=1, prompts=Path("my prompts.txt"), scorer="my/scorer")
    plan = make_plan(request)
    run_study(plan, store, loader=StubLoader(lambda: None))
    [record] = read_studies(store)
    note = get_note(optuna.load_study(study_name=record.name, storage=store.optuna))
    noted = note.split("```")[-2].replace("\\\n", " ").strip()
    (own_files.parent / "there").mkdir()
    monkeypatch.chdir(own_files.parent / "there")
    for command in (study_command(going_on(record)), noted):
        again = replace(read_back(command), confirm=False)
        assert make_plan(again).study_name == plan.study_name
    assert record.files == {
        "prompts": f"{own_files}/my prompts.txt",
        "scorer": f"{own_files}/my/scorer",
    }


def test_moved_files_rename_no_study_and_are_found_where_they_lay_at_last(
    make_request: MakeRequest, store: Store, own_files: Path
) -> None:
    plan = make_plan(make_request(trials=1, prompts=Path("my prompts.txt")))
    run_study(plan, store, loader=StubLoader(lambda: None))
    moved = own_files / "my" / "my prompts.txt"
    (own_files / "my prompts.txt").rename(moved)
    again = make_plan(make_request(trials=1, prompts=moved))
    run_study(again, store, loader=StubLoader(lambda: None))
    [record] = read_studies(store)
    assert record.name == plan.study_name
    assert going_on(record).prompts == moved


def test_prompts_of_a_study_that_kept_no_paths_are_named(
    make_request: MakeRequest, store: Store, own_files: Path
) -> None:
    plan = make_plan(make_request(trials=1, prompts=Path("my prompts.txt")))
    run_study(plan, store, loader=StubLoader(lambda: None))
    [record] = read_studies(store)
    before = changed(record, files={})
    assert going_on(before).prompts == Path("my prompts.txt")
    assert make_plan(replace(going_on(before), confirm=False)).study_name == plan.study_name
