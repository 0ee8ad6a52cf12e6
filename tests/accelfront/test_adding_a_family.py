"""A family is added as one file and a catalogue entry; all else takes it up.

What follows down to `add` is that file. Its pipeline calls its denoiser by keywords and by a name
of its own, and reads embeddings whose arguments are called as in no other pipeline.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import diffusers
import pytest
import torch
from diffusers import DiffusionPipeline
from diffusers.utils.torch_utils import randn_tensor

from accel_space.errors import RefusedError
from accel_space.family import Family
from accel_space.profile import Profile
from generator.artefacts.script import render_script, script_name
from generator.artefacts.source import find_source
from objectives.embedded import DIT_DIR, PROMPTS_FILE
from objectives.errors import InputError
from objectives.generation import generate_pictures
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.conditioning import Embedded
from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.families import FAMILIES
from objectives.pipelines.family import Count, DenoiserConfig, FamilyAdapter, PipelineClass
from objectives.pipelines.loading import load_conditioning, load_pipeline
from objectives.pipelines.schedulers import make_scheduler
from storage.database.opening import open_store
from storage.reading.studies import read_studies
from studies.plan import Plan, make_plan
from studies.request import StudyRequest
from tests.command_line import run

MOST_WORDS = 24


class BrushPipeline(DiffusionPipeline):
    """Draws with a `brush`."""

    vae: Any
    text_encoder: Any
    tokenizer: Any
    brush: Any
    scheduler: Any

    # diffusers reads the names of the parts here.
    def __init__(
        self, vae: Any, text_encoder: Any, tokenizer: Any, brush: Any, scheduler: Any
    ) -> None:
        super().__init__()
        parts: Any = self
        parts.register_modules(vae=vae, text_encoder=text_encoder, tokenizer=tokenizer)
        parts.register_modules(brush=brush, scheduler=scheduler)

    def encode_prompt(self, prompt: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        options = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
        tokens = self.tokenizer(prompt, max_length=MOST_WORDS, **options)
        mask = tokens.attention_mask
        return self.text_encoder(tokens.input_ids, attention_mask=mask)[0], mask

    @torch.no_grad()
    def __call__(
        self,
        prompt: list[str] | None = None,
        words: Any = None,
        read: Any = None,
        no_words: Any = None,
        no_read: Any = None,
        num_inference_steps: int = 50,
        guidance_scale: float = 5.0,
        height: int = 64,
        width: int = 64,
        generator: Any = None,
        output_type: str = "pil",
        strokes: int = 0,
    ) -> Any:
        assert strokes == 1, "the family's call says so"
        if prompt is not None:
            words, read = self.encode_prompt(prompt)
            no_words, no_read = self.encode_prompt([""] * len(prompt))
        told = {
            "encoder_hidden_states": torch.cat([no_words, words]),
            "encoder_attention_mask": torch.cat([no_read, read]),
            "added_cond_kwargs": {"resolution": None, "aspect_ratio": None},
            "return_dict": False,
        }
        factor = 2 ** (len(self.vae.config.block_out_channels) - 1)
        shape = (len(words), 4, height // factor, width // factor)
        latents = randn_tensor(shape, generator, dtype=words.dtype)
        self.scheduler.set_timesteps(num_inference_steps)
        for timestep in self.scheduler.timesteps:
            both = torch.cat([latents, latents])
            at = timestep.expand(len(both))
            (predicted,) = self.brush(hidden_states=both, timestep=at, **told)
            plain, guided = predicted.chunk(2, dim=1)[0].chunk(2)
            noise = plain + guidance_scale * (guided - plain)
            latents = self.scheduler.step(noise, timestep, latents).prev_sample
        (pixels,) = self.vae.decode(latents / self.vae.config.scaling_factor, return_dict=False)
        return SimpleNamespace(images=(pixels / 2 + 0.5).clamp(0, 1))


BRUSH = Family(
    denoiser="brush",
    blocks=("transformer_blocks",),
    latents_keyword="hidden_states",
    adaptive_norms=True,
)


class BrushConfig(DenoiserConfig):
    """`brush/config.json`."""

    patch_size: Count

    @property
    def patch(self) -> int:
        return self.patch_size

    def profile(self, pipeline_class: str, latent_size: tuple[int, int]) -> Profile:
        height, width = latent_size
        grid = (height // self.patch, width // self.patch)
        return Profile(pipeline_class, BRUSH, latent_size, attention_grids=(grid,))


class Brush(FamilyAdapter):
    values = BRUSH
    config = BrushConfig
    classes: ClassVar[Mapping[str, PipelineClass]] = {"BrushPipeline": PipelineClass()}
    call: ClassVar[Mapping[str, Any]] = {"strokes": 1}
    encoders = ("text_encoder", "tokenizer")
    schedulers = frozenset({"DDIMScheduler", "UniPCMultistepScheduler"})

    def encode(
        self,
        pipe: Any,
        prompts: Sequence[str],
        negative_prompt: str = "",
        longest: int | None = None,
    ) -> Embedded:
        with torch.inference_mode():
            words, read = pipe.encode_prompt(list(prompts))
            no_words, no_read = pipe.encode_prompt([negative_prompt])
        return Embedded(
            rows={"words": words, "read": read},
            shared={"no_words": no_words[0], "no_read": no_read[0]},
            fixed={},
        )


NAME = "brush-strokes"


@pytest.fixture(autouse=True)
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PipelineEntry:
    """Add the family, and a pipeline of it to the catalogue."""
    monkeypatch.setattr(diffusers, "BrushPipeline", BrushPipeline, raising=False)
    monkeypatch.setattr("objectives.pipelines.families.FAMILIES", [*FAMILIES, Brush()])
    parts = dict(DiffusionPipeline.from_pretrained(DIT_DIR).components)
    pipe: Any = BrushPipeline(brush=parts.pop("transformer"), **parts)
    pipe.save_pretrained(tmp_path / "model")
    entry = PipelineEntry(
        name=NAME,
        pipeline_class="BrushPipeline",
        model=tmp_path / "model",
        guidance_scale=4.5,
        scorer="tiny-shapes",
        prompts=PROMPTS_FILE,
        num_samples=4,
        batch_size=2,
    )
    monkeypatch.setitem(PIPELINES, NAME, entry)
    return entry


METHODS = ("pab", "cfg_cutoff")

STEPS = 6


def test_a_study_a_front_and_a_script_of_a_new_family(entry: PipelineEntry, tmp_path: Path) -> None:
    where = ("--device", "cpu")
    measured = run(
        *("study", "--pipeline", NAME, "--methods", ",".join(METHODS), "--steps", str(STEPS)),
        *("--trials", "2", "--no-confirm", *where),
        cwd=tmp_path,
    )
    assert measured.returncode == 0, measured.stderr

    [front] = json.loads(run("front", "--json", cwd=tmp_path).stdout)
    assert front["study"].startswith(f"{NAME}--DDIM--{STEPS}--{'+'.join(METHODS)}--")
    assert front["front"]

    [study] = read_studies(open_store(f"sqlite:///{tmp_path}/accelfront.db"))
    trial = study.trials[0]
    script = tmp_path / script_name(study, trial)
    script.write_text(render_script(study, trial, find_source(study)))
    assert torch.equal(_draw_with_script(script, entry), _draw_with_stack(trial.params))


def _draw_with_script(path: Path, entry: PipelineEntry) -> torch.Tensor:
    """Draw the protocol's first batch."""
    spec = importlib.util.spec_from_file_location("emitted", path)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    prompts = _plan().prompts[: entry.batch_size]
    pipe = script.load_pipeline(str(entry.model), "cpu")
    pictures: torch.Tensor = script.generate(pipe, prompts, seed=0, output_type="pt")
    return pictures


def _draw_with_stack(params: Mapping[str, float]) -> torch.Tensor:
    """Draw it as the trial did."""
    plan = _plan()
    where = ("float32", torch.device("cpu"))
    pipe = load_pipeline(plan.entry, plan.model, *where)
    assert pipe.text_encoder is None, "it was freed"
    pipe.scheduler = make_scheduler("DDIM", pipe.scheduler.config, plan.scheduler_settings)
    conditioning = load_conditioning(plan.entry, plan.model, plan.prompts, *where)
    batch = range(plan.entry.batch_size)
    sizes: set[int] = set()
    pipe.brush.pos_embed.register_forward_pre_hook(lambda _, inputs: sizes.add(len(inputs[0])))
    with plan.stack.applied(pipe, params) as generate:
        pictures = generate_pictures(
            generate, conditioning, batch, plan.protocol, STEPS, plan.entry.call
        )
    assert sizes == {2 * len(batch), len(batch)}, "the cutoff halves what is told by keywords"
    return pictures


def _plan(**changes: Any) -> Plan:
    request = StudyRequest(pipeline=NAME, scheduler="DDIM", steps=STEPS, methods=METHODS, trials=2)
    return make_plan(replace(request, confirm=False, device="cpu", **changes))


def test_a_new_familys_values_are_what_methods_and_plans_go_by() -> None:
    plan = _plan()
    assert plan.protocol.timed == "embedding to picture"
    assert plan.stack.context.profile.attention_grids == ((8, 8),)
    for method, reason in (
        ("deepcache", "needs a UNet's way down and way up, and the denoiser of BrushPipeline"),
        ("tome", "tomesd patches a UNet's blocks, and BrushPipeline's take the timestep"),
        ("tgate", "tgate has no loader for BrushPipeline"),
    ):
        with pytest.raises(RefusedError, match=reason):
            _plan(methods=(method,))
    with pytest.raises(InputError, match=r"DPM-Solver.* does not suit .*; give one of "):
        _plan(scheduler="DPM-Solver++")
