"""A method is added as one file and a line of the import list; all else takes it up.

What follows down to `Repetition` is that file.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.methods import METHODS
from accel_space.schedule import Static
from generator.artefacts.script import render_script
from generator.artefacts.source import find_source
from objectives.embedded import PIPELINE_DIR
from objectives.generation import generate_pictures
from objectives.pipelines.loading import load_conditioning, load_pipeline
from objectives.pipelines.schedulers import make_scheduler
from storage.database.opening import open_store
from storage.reading.studies import read_studies
from studies.plan import make_plan
from studies.request import StudyRequest
from tests.command_line import run


def apply_repetition(
    pipe: Any, generate: Callable[..., Any], *, denoiser: str, interval: int
) -> Callable[..., Any]:
    """Compute at every `interval`-th call, and repeat what came of it in between."""
    module = getattr(pipe, denoiser)
    compute = module.forward
    calls = 0
    last = None

    def forward(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls, last
        if calls % interval == 0:
            last = compute(*args, **kwargs)
        calls += 1
        return last

    def generate_anew(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls = 0
        return generate(*args, **kwargs)

    module.forward = forward
    return generate_anew


class Repetition(Method):
    """Computes at every `interval`-th call."""

    name = "repetition"
    title = "Repetition"
    words = ("Repetition",)
    accelerate = staticmethod(apply_repetition)

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        return "Repetition repeats an earlier step" if context.calls < 2 else None

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        return {"interval": Choices((2, 3), default=2, least=1)}

    def schedule(self, params: Params, context: Context) -> Static:
        """See `Method.schedule`."""
        repeated = (float(call % int(params["interval"]) != 0) for call in range(context.calls))
        return Static({"denoiser": tuple(repeated)})


STEPS = 4


def test_a_study_a_front_and_a_script_of_a_new_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "repetition", Repetition())
    measured = run(
        *("study", "--methods", "repetition", "--steps", str(STEPS), "--num-samples", "2"),
        *("--batch-size", "2", "--trials", "2", "--no-confirm", "--device", "cpu"),
        cwd=tmp_path,
    )
    assert measured.returncode == 0, measured.stderr

    [front] = json.loads(run("front", "--json", cwd=tmp_path).stdout)
    assert front["methods"] == ["repetition"]
    assert {point["params"]["interval"] for point in front["front"]} <= {2, 3}

    [study] = read_studies(open_store(f"sqlite:///{tmp_path}/accelfront.db"))
    assert [trial.params for trial in study.trials] == [
        {"repetition.interval": interval} for interval in (2, 3)
    ]
    trial = study.trials[0]
    script = tmp_path / "script.py"
    script.write_text(render_script(study, trial, find_source(study)))
    assert "accel_space" not in script.read_text()

    request = StudyRequest("tiny-shapes", "DDIM", STEPS, ("repetition",), 2, num_samples=2)
    plan = make_plan(request)
    where = ("float32", torch.device("cpu"))
    pipe = load_pipeline(plan.entry, plan.model, *where)
    pipe.scheduler = make_scheduler("DDIM", pipe.scheduler.config, plan.scheduler_settings)
    conditioning = load_conditioning(plan.entry, plan.model, plan.prompts, *where)
    with plan.stack.applied(pipe, trial.params) as generate:
        drawn = generate_pictures(
            generate, conditioning, range(2), plan.protocol, STEPS, plan.entry.call
        )
    assert torch.equal(_draw_with_script(script, plan.prompts[:2]), drawn)


def _draw_with_script(path: Path, prompts: list[str]) -> torch.Tensor:
    spec = importlib.util.spec_from_file_location("emitted", path)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    pipe = script.load_pipeline(str(PIPELINE_DIR), "cpu")
    pictures: torch.Tensor = script.generate(pipe, prompts, seed=0, output_type="pt")
    return pictures
