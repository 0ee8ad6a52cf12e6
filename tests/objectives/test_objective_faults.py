"""Pictures and pipes at fault: what an objective notices, and what it restores."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from objectives.errors import MeasurementError
from objectives.measurement import Partial
from objectives.quality.scorer import Scorer, find_scorer
from tests.objectives.tiny_objective import CPU, PLAIN, REUSE_ALL, STEPS, make_objective
from tests.tiny_pipelines import draw


def spoil(pipe: Any, how: str) -> None:
    """Make a real pipe draw what is no picture."""
    last = pipe.vae.decoder.conv_out
    with torch.no_grad():
        if how == "non-finite":
            last.weight[0, 0, 0, 0] = torch.nan
        else:
            last.weight.zero_()
            last.bias.fill_(-9.0 if how == "black" else 0.1)


@pytest.mark.parametrize("how", ["non-finite", "black", "constant"])
def test_degenerate_pictures_fail_by_name(pipe: Any, scorer: Scorer, how: str) -> None:
    objective = make_objective(pipe, scorer)
    baseline = objective.measure_baseline()
    spoil(pipe, how)
    with pytest.raises(MeasurementError, match=how):
        objective.measure(PLAIN, baseline)
    with pytest.raises(MeasurementError, match=how):
        objective.measure_baseline()


@pytest.mark.parametrize("resumed", [False, True], ids=["same-run", "another-run"])
@pytest.mark.parametrize("how", ["mirror", "noise"])
def test_changed_pipe_is_noticed(pipe: Any, scorer: Scorer, resumed: bool, how: str) -> None:
    objective = make_objective(pipe, scorer)
    baseline = objective.measure_baseline()
    with torch.no_grad():
        if how == "mirror":
            pipe.vae.decoder.conv_out.weight *= -1
        else:
            generator = torch.Generator().manual_seed(1)
            weight = pipe.unet.conv_out.weight
            weight += torch.randn(weight.shape, generator=generator)
    if resumed:
        objective = make_objective(pipe, scorer)
    with pytest.raises(MeasurementError, match="not those of the stored baseline"):
        objective.measure(PLAIN, baseline)


def test_baseline_with_a_mean_score_below_zero_is_refused(
    pipe: Any, scorer_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(scorer_folder, tmp_path / "opposite"))
    weights = load_file(folder / "open_clip_model.safetensors")
    weights["visual.proj"] = -weights["visual.proj"]
    save_file(weights, folder / "open_clip_model.safetensors")
    with pytest.raises(MeasurementError, match=r"mean CLIP score is -0\.\d+.*above 0"):
        make_objective(pipe, Scorer(find_scorer(str(folder)), CPU)).measure_baseline()


def test_pipe_is_restored_after_a_point_and_after_a_failed_one(pipe: Any, scorer: Scorer) -> None:
    before = draw(pipe)
    objective = make_objective(pipe, scorer, methods=["deepcache"], steps=STEPS)
    baseline = objective.measure_baseline()
    measured = objective.measure(REUSE_ALL, baseline)
    assert draw(pipe).equal(before)

    weights = pipe.vae.decoder.conv_out.weight.detach().clone()
    spoil(pipe, "non-finite")
    with pytest.raises(MeasurementError, match="non-finite"):
        objective.measure(REUSE_ALL, baseline)
    with torch.no_grad():
        pipe.vae.decoder.conv_out.weight.copy_(weights)
    assert draw(pipe).equal(before)
    assert objective.measure(REUSE_ALL, baseline).clip_score == measured.clip_score


def test_pipe_is_restored_when_hopeless_raises(pipe: Any, scorer: Scorer) -> None:
    def interrupt(partial: Partial) -> None:
        raise KeyboardInterrupt

    before = draw(pipe)
    objective = make_objective(pipe, scorer, samples=12, methods=["deepcache"], steps=STEPS)
    baseline = objective.measure_baseline()
    with pytest.raises(KeyboardInterrupt):
        objective.measure(REUSE_ALL, baseline, interrupt)
    assert draw(pipe).equal(before)
