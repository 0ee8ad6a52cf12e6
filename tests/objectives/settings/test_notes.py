"""What is said of models that were distilled, and of guidance that nobody uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from objectives.pipelines.architecture import read_architecture
from objectives.settings.generation import GenerationSettings
from studies.plan import Plan, make_plan
from studies.request import StudyRequest
from tests.tiny_parts import tiny_scheduler
from tests.tiny_pipelines import tiny_pipeline

MakePlan = Callable[..., Plan]


@pytest.fixture
def plan_of(tmp_path: Path) -> MakePlan:
    """The plan of a study of a tiny model of one's own."""

    def make(
        scheduler: str = "DDIMScheduler",
        name: str = "mine",
        steps: int = 20,
        guidance: float | None = None,
        spacing: str = "leading",
        **unet: Any,
    ) -> Plan:
        pipe = tiny_pipeline("SD1.5", **unet)
        pipe.scheduler = tiny_scheduler(scheduler, timestep_spacing=spacing)
        pipe.save_pretrained(tmp_path / name)
        assert read_architecture(tmp_path / name, "StableDiffusionPipeline")
        return make_plan(
            StudyRequest(
                "SD1.5", "DDIM", steps, ("tome",), 1,
                model=str(tmp_path / name), scorer="tiny-shapes", device="cpu", num_samples=2,
                generation=GenerationSettings(guidance),
            )
        )  # fmt: skip

    return make


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"scheduler": "LCMScheduler"}, "its own scheduler is the LCMScheduler"),
        (
            {"scheduler": "EulerAncestralDiscreteScheduler", "spacing": "trailing"},
            "its own EulerAncestralDiscreteScheduler has trailing timesteps",
        ),
        ({"time_cond_proj_dim": 8}, "it takes the guidance as an input"),
        ({"name": "sd-Turbo_v2"}, "sd-Turbo_v2 is its name"),
    ],
)
def test_a_distilled_model_in_many_steps_is_told(
    plan_of: MakePlan, changes: dict[str, str], reason: str
) -> None:
    [note] = plan_of(**changes).notes
    assert note.startswith(f"this model looks distilled, as {reason}")
    assert "20 steps at a guidance of 7.5 are asked for; --steps 4" in note
    assert ("--guidance 0" in note) == ("time_cond_proj_dim" not in changes)


def test_a_distilled_model_in_few_steps_without_guidance_is_as_it_should_be(
    plan_of: MakePlan,
) -> None:
    [note] = plan_of(name="sd-turbo", steps=4, guidance=0.0).notes
    assert note.startswith("a guidance of 0 is off, as all up to 1 are")
    assert plan_of(name="sd-turbo", steps=4, guidance=2.0).notes == ()
    assert plan_of(time_cond_proj_dim=8, steps=4).notes == ()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": "hyperrealism-lcmania"},
        {"scheduler": "EulerDiscreteScheduler"},
        {"scheduler": "DDIMScheduler", "spacing": "trailing"},
    ],
)
def test_other_models_are_not_taken_for_distilled_ones(
    plan_of: MakePlan, changes: dict[str, str]
) -> None:
    assert plan_of(**changes).notes == ()


def test_a_negative_prompt_that_a_model_does_not_take_is_refused(plan_of: MakePlan) -> None:
    with pytest.raises(ValueError, match="draws without classifier-free guidance; leave it out"):
        plan = plan_of(time_cond_proj_dim=8)
        settings = GenerationSettings(negative_prompt="a")
        make_plan(
            StudyRequest(
                "SD1.5", "DDIM", 20, ("tome",), 1, model=plan.request.model,
                scorer="tiny-shapes", device="cpu", num_samples=2, generation=settings,
            )
        )  # fmt: skip
