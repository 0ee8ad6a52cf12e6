"""A few steps of every training at the smallest sizes: what comes out loads and runs."""

import json
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor, nn

from objectives.embedded import train
from objectives.embedded.loop import Budget, GraphedStep, fit

TOY = Budget(steps=2, batch=4, warmup=1)


def _train(out: Path) -> None:
    budgets = dict.fromkeys(train.STAGES, TOY)
    train.train(out, train.STAGES, torch.device("cpu"), 0, budgets, pool=8, compiled=False)


def test_every_stage_runs_and_the_result_loads(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    _train(tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)
    pipe = StableDiffusionPipeline.from_pretrained(tmp_path / "tiny-shapes")
    pipe.set_progress_bar_config(disable=True)
    picture = pipe("a large red circle", num_inference_steps=2, output_type="pt").images
    assert picture.shape == (1, 3, 64, 64)
    assert bool(picture.isfinite().all())
    assert pipe.vae.config.scaling_factor != 1.0
    scorer = open_clip.create_model(f"local-dir:{tmp_path / 'scorer'}")
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'scorer'}")(["a small blue star"])
    assert scorer.encode_text(tokens).shape == (1, 128)
    notes = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert {stage: note["outcome"]["steps"] for stage, note in notes.items()} == dict.fromkeys(
        train.STAGES, 2
    )


def test_same_seed_trains_the_same_weights() -> None:
    def run() -> Tensor:
        layer = nn.Linear(2, 1)
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
        generator = torch.Generator().manual_seed(0)
        average, _ = fit(
            nn.ModuleDict({"layer": layer}),
            lambda batch: layer(batch["x"]).square().mean(),
            lambda _: {"x": torch.randn(8, 2, generator=generator)},
            replace(TOY, steps=30, peak_lr=0.1),
            "toy",
        )
        weight: Tensor = average["layer"].weight
        return weight

    first = run()
    assert torch.equal(first, run())
    assert float(first.abs().max()) < 0.5
    assert not first.requires_grad


def test_time_limit_ends_a_training() -> None:
    layer = nn.Linear(2, 1)
    budget = replace(TOY, steps=10**9, seconds=0.2)
    _, outcome = fit(
        nn.ModuleDict({"layer": layer}),
        lambda batch: layer(batch["x"]).square().mean(),
        lambda _: {"x": torch.ones(8, 2)},
        budget,
        "toy",
    )
    assert outcome.seconds < 5
    assert 0 < outcome.steps < 10**9


def test_learning_rate_warms_up_and_ends_low() -> None:
    budget = Budget(steps=1000, batch=1, warmup=100, peak_lr=1.0, seconds=10.0)
    assert budget.learning_rate(0, 0.0) == pytest.approx(0.01)
    assert budget.learning_rate(100, 0.0) > 0.9
    assert budget.learning_rate(1000, 0.0) == pytest.approx(0.01)
    assert budget.learning_rate(500, 10.0) == pytest.approx(0.01)


@pytest.mark.gpu
def test_graph_gives_what_the_function_gives() -> None:
    step = GraphedStep(lambda inputs: inputs["x"].square().sum())
    for value in range(1, 7):
        result = step({"x": torch.full((4,), float(value), device="cuda")})
        assert float(result) == 4.0 * value**2
