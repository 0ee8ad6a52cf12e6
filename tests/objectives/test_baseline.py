"""The unaccelerated pipeline: what fails in it is told as such, and what to doubt is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from objectives.baseline import doubt_of
from objectives.embedded import DIT_DIR
from objectives.errors import MeasurementError
from objectives.generation import generate_pictures
from objectives.objective import Objective
from objectives.pipelines.architecture import known_parts
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.loading import load_conditioning, load_pipeline
from objectives.pipelines.schedulers import make_scheduler
from objectives.quality.metric import Embeddings
from objectives.quality.scorer import Scorer, clip_scores, find_scorer, foreign_doubt
from studies.plan import Plan, make_plan
from studies.request import StudyRequest
from tests.objectives.tiny_objective import make_objective
from tests.tiers.covering import taking_turns
from tests.tiny_pipelines import tiny_sd

CPU = torch.device("cpu")

SAMPLES = 6


@pytest.fixture(scope="module")
def shapes() -> Scorer:
    return Scorer(find_scorer("tiny-shapes"), CPU)


@pytest.fixture(scope="module")
def pixart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DiT twin with the scheduler configuration of PixArt itself."""
    folder = tmp_path_factory.mktemp("pixart") / "model"
    shutil.copytree(DIT_DIR, folder)
    config = known_parts("PixArt-alpha")["scheduler"]
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(config))
    return folder


def plan_of(pipeline: str, steps: int = 20, scheduler: str = "", **changes: Any) -> Plan:
    request = StudyRequest(
        pipeline,
        scheduler or PIPELINES[pipeline].usual_scheduler,
        steps,
        ("fewer_steps",),
        trials=1,
        num_samples=SAMPLES,
        device="cpu",
        confirm=False,
        **changes,
    )
    return make_plan(request)


def drawn(plan: Plan, settings: dict[str, Any], scorer: Scorer) -> tuple[Embeddings, Embeddings]:
    """Embeddings of the pictures that a plan's pipeline draws, and of their prompts."""
    where = (plan.protocol.dtype, plan.device)
    pipe = load_pipeline(plan.entry, plan.model, *where)
    name = plan.combination.scheduler
    pipe.scheduler = make_scheduler(name, pipe.scheduler.config, settings)
    conditioning = load_conditioning(plan.entry, plan.model, plan.prompts, *where)
    pictures = generate_pictures(
        pipe, conditioning, plan.places, plan.protocol, plan.request.steps, plan.entry.call
    )
    return scorer.embed_images(pictures), scorer.embed_prompts(plan.prompts)


def test_pixart_with_ddim_draws_its_prompts_and_clipped_it_is_told(
    pixart: Path, shapes: Scorer
) -> None:
    plan = plan_of("tiny-shapes-dit", model=str(pixart))
    assert plan.scheduler_settings == {"clip_sample": False, "timestep_spacing": "linspace"}
    pictures, prompts = drawn(plan, plan.scheduler_settings, shapes)
    assert np.mean(clip_scores(pictures, prompts)) > 0.8
    assert doubt_of(pictures, prompts) == ""
    # What diffusers makes of the same configuration by itself.
    clipped, prompts = drawn(plan, {}, shapes)
    assert np.mean(clip_scores(clipped, prompts)) < 0.1
    assert "the pipeline draws none" in doubt_of(clipped, prompts)


@pytest.mark.parametrize(
    "pipeline", taking_turns(name for name in PIPELINES if name.startswith("tiny"))
)
def test_healthy_pipelines_are_not_doubted(pipeline: str, shapes: Scorer) -> None:
    """Not even at 4 steps, and by whichever of their prompts."""
    for steps in (4, 10):
        plan = plan_of(pipeline, steps)
        pictures, prompts = drawn(plan, plan.scheduler_settings, shapes)
        assert doubt_of(pictures, prompts) == ""
        for first in range(SAMPLES):
            for count in (2, 3, 4):
                some = [(first + index) % SAMPLES for index in range(count)]
                assert doubt_of(pictures[some], prompts[some]) == "", (steps, some)


def unit(*shape: int, seed: int = 0) -> Embeddings:
    vectors = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    lengths: Embeddings = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def test_pictures_that_have_nothing_to_do_with_their_prompts_are_doubted() -> None:
    for seed in range(20):
        pictures, prompts = unit(16, 64, seed=seed), unit(16, 64, seed=seed + 100)
        assert "score 0.0" in doubt_of(pictures, prompts) or "score -0" in doubt_of(
            pictures, prompts
        )
        assert doubt_of(prompts, prompts) == ""


def test_where_all_prompts_are_one_there_is_nothing_to_compare() -> None:
    assert doubt_of(unit(4, 64), np.repeat(unit(1, 64, seed=1), 4, axis=0)) == ""


def test_scorer_of_coloured_shapes_is_doubted_for_what_it_never_saw() -> None:
    source = find_scorer("tiny-shapes")
    assert "knows coloured shapes alone, and not what SD1.5 draws" in foreign_doubt(
        source, "SD1.5", PIPELINES["SD1.5"].scorer
    )
    for name, entry in PIPELINES.items():
        if name.startswith("tiny"):
            assert foreign_doubt(source, name, entry.scorer) == ""


def failing(pipe: Any, scorer: Scorer) -> str:
    objective: Objective = make_objective(pipe, scorer)
    with pytest.raises(MeasurementError) as failure:
        objective.measure_baseline()
    assert "\n" not in str(failure.value)
    return str(failure.value)


def test_a_vae_that_makes_nan_is_the_unaccelerated_pipelines_fault(scorer: Scorer) -> None:
    pipe = tiny_sd()
    with torch.no_grad():
        pipe.vae.decoder.conv_out.weight.fill_(torch.nan)
    told = failing(pipe, scorer)
    assert told.startswith("the unaccelerated pipeline fails: non-finite pictures")
    assert "stack" not in told


def test_whatever_a_pipeline_raises_is_told_in_one_line(scorer: Scorer) -> None:
    pipe = tiny_sd()
    pipe.unet.conv_in = torch.nn.Conv2d(9, pipe.unet.conv_in.out_channels, 3, padding=1)
    assert failing(pipe, scorer).startswith("the unaccelerated pipeline fails: Given groups=1")
