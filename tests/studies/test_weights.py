"""Metrics with weights in a study: asked for, kept, named, resumed, and refused in time."""

from __future__ import annotations

import shlex
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from accelfront.cli.running.search import StudySearch
from generator.artefacts.script import render_script
from generator.artefacts.source import find_source
from generator.choice import Scope
from generator.tasks.task import read_task
from objectives.embedded import SCORER_DIR
from objectives.errors import InputError
from storage.database.opening import Store, open_store
from storage.errors import StudyRefusedError
from storage.reading.studies import find_study, study_names
from storage.records.conclusions.difference import Comparison
from storage.records.protocol import MetricWeights
from storage.records.study import Study
from studies.commands import going_on, study_command
from studies.plan import make_plan
from studies.planning.weights import read_weights
from studies.run.opening import open_study_store
from studies.run.runner import run_study
from studies.sweep import make_requests
from studies.sweep_file import read_sweep
from tests.command_line import run
from tests.metric_files import save_alexnet, save_clip
from tests.studies.conftest import QUICK, MakeRequest


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_alexnet(tmp_path_factory.mktemp("weights") / "my alexnet.pth")


@pytest.fixture(scope="module")
def measured(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of one point, begun in the folder of the file."""
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('measured')}/a.db", create=True)
    weights = {"lpips": Path(file.name), "pickscore": Path("clip"), "hpsv2": SCORER_DIR}
    save_clip(file.parent / "clip")
    request = replace(QUICK, trials=1, steps=2, metrics=tuple(weights), weights=weights)
    with chdir(file.parent):
        plan = make_plan(request)
        run_study(plan, store)
    study = find_study(store, plan.study_name)
    assert study is not None
    return study


def test_a_study_with_weights_is_measured_kept_told_and_resumed_from_any_folder(
    measured: Study, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {each.metric: each.name for each in measured.protocol.weights}
    assert {metric: name.partition("@")[0] for metric, name in kept.items()} == {
        "lpips": "my alexnet.pth",
        "pickscore": "clip",
        "hpsv2": "scorer",
    }
    found = measured.trials[0].measurement.metrics
    assert 0 < found["lpips"].value == found["lpips"].loss
    for name in ("pickscore", "hpsv2"):
        assert -0.5 < found[name].loss < 0.5 and found[name].loss != 0

    script = render_script(measured, measured.trials[0], find_source(measured))
    assert f"weights     lpips {kept['lpips']}" in script

    monkeypatch.chdir(tmp_path)
    again = going_on(measured)
    words = shlex.split(study_command(again))
    assert words[words.index("--weights") + 1] == f"lpips={file}"
    assert make_plan(again).study_name == measured.name


def test_other_weights_are_refused_and_a_difference_that_is_told(
    measured: Study, make_request: MakeRequest, file: Path, tmp_path: Path, store: Store
) -> None:
    other = save_alexnet(tmp_path / "my alexnet.pth", seed=1)
    request = make_request(steps=2, metrics=("lpips",), weights={"lpips": other})
    plan = make_plan(request)
    assert plan.study_name == measured.name, "a study may gain a metric"
    open_study_store(make_plan(replace(request, weights={"lpips": file})), store)
    with pytest.raises(StudyRefusedError, match=r"measured with other weights \(lpips my alexnet"):
        open_study_store(plan, store)
    [changed] = plan.protocol.weights
    assert changed.metric == "lpips" and changed not in measured.protocol.weights
    told = measured.model_copy(update={"protocol": plan.protocol})
    assert list(Comparison(measured, told).otherwise) == ["metrics", "weights"]


def test_usual_metrics_name_no_weights_and_rename_no_study(make_request: MakeRequest) -> None:
    protocol = make_plan(make_request()).protocol
    assert protocol.weights == ()
    assert "weights" not in protocol.identity
    named = protocol.model_copy(update={"weights": (MetricWeights(metric="a", name="b@0"),)})
    assert named.identity == protocol.identity, "a study may gain a metric"


def test_weights_that_do_not_fit_leave_no_study(
    make_request: MakeRequest, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "a.pth").write_text("no weights")
    request = make_request(metrics=("lpips",), weights={"lpips": tmp_path / "a.pth"})
    with pytest.raises(InputError, match=r"cannot load the model of LPIPS from .*: it is no"):
        run_study(make_plan(request), store)
    assert not study_names(store)


def test_a_study_whose_weights_are_gone_goes_on_without_them_and_ends(
    make_request: MakeRequest, store: Store, tmp_path: Path
) -> None:
    weights = {"lpips": save_alexnet(tmp_path / "a.pth")}
    # No point keeps this budget, so any other one might be better.
    conditions = {"lpips": 1e-9}
    first = make_request(trials=1, steps=2, weights=weights, conditions=conditions)
    run_study(make_plan(first), store)
    weights["lpips"].unlink()
    plan = make_plan(make_request(trials=2, steps=2, timeout_s=30))

    outcome = run_study(plan, store)

    assert outcome.reason == "trials"
    stored = optuna.load_study(study_name=plan.study_name, storage=store.optuna)
    assert len(stored.trials) == 2, "no point is measured again for what cannot be measured"
    kept = [trial.measurement.metrics for trial in outcome.study.trials]
    assert ["lpips" in metrics for metrics in kept] == [True, False]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--metrics lpips", "accelfront: lpips needs the state dict of torchvision's AlexNet"),
        ("--loss lpips", "accelfront: lpips needs the state dict of torchvision's AlexNet"),
        ("--budget lpips=20%", "accelfront: lpips needs the state dict of torchvision's AlexNet"),
        ("--metrics lpips --weights lpips=nowhere.pth", "nowhere.pth: there is no such file"),
        ("--weights lpips=a.pth", "does not measure LPIPS; add --metrics lpips"),
        ("--metrics lpips --weights lpisp=a.pth", "there is no metric 'lpisp'; did you"),
        ("--weights lpips", "--weights is NAME=FILE, such as lpips=alexnet.pth"),
        ("--weights lpips=a --weights lpips=b", "--weights lpips is given twice; give it once"),
        ("--weights ssim=a.pth", "--weights ssim: SSIM has no weights; leave it out"),
    ],
)
def test_the_command_refuses_in_one_line_before_anything_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, told: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    # The model is looked for after the weights, and is not there either.
    command = f"study --methods deepcache --model nobody/nothing --trials 2 {options}"
    answer = run(*command.split(), "--storage", f"sqlite:///{tmp_path}/a.db", cwd=tmp_path)
    assert answer.returncode == 2
    assert told in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "a.db").exists()


def test_a_sweep_file_names_weights_from_its_own_folder(tmp_path: Path, file: Path) -> None:
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(
        "pipelines: tiny-shapes\nschedulers: DDIM\nsteps: 4\nmethods: deepcache\n"
        f"protocol:\n  metrics: [lpips, dino]\n  weights:\n    lpips: a.pth\n    dino: {file}\n"
    )
    [request] = make_requests(read_sweep(sweep), sweep.parent)
    assert request.metrics == ("lpips", "dino")
    assert request.weights == {"lpips": tmp_path / "a.pth", "dino": file}


def test_a_missing_study_is_searched_with_the_metrics_that_are_asked_for(
    store: Store, file: Path
) -> None:
    search = StudySearch(
        store=store,
        scope=Scope.__new__(Scope),
        device="cpu",
        model=None,
        loss="clip_loss",
        trials=4,
        num_samples=None,
        scorer=None,
        metrics=("lpips",),
        weights=read_weights([f"lpips={file}"]),
    )
    task = read_task("tiny-shapes, DDIM, 20 steps, DeepCache, at least 1.3x")
    assert f"--metrics lpips --weights 'lpips={file}'" in search.command(task)
