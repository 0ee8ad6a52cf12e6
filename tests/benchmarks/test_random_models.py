"""Models with random weights, studied in memory as the full-size benchmark does."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import torch

from accel_space.methods.mag_cache import MagCache
from benchmarks.measuring.random_models import random_pipe, scorer_in
from benchmarks.measuring.true_front import Front, request_of
from benchmarks.measuring.true_front_stacks import BESIDE, Asked, first_points
from objectives.pipelines.architecture import known_parts
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.given import take_pipe
from objectives.pipelines.model import Model
from objectives.settings.generation import GenerationSettings
from storage.database.imported_points import keep_imported_points
from storage.database.opening import open_store
from storage.reading.studies import read_studies
from studies.plan import make_plan
from studies.request import StudyRequest
from studies.search.imported_points import imported_points

LANGUAGE_MODEL = {
    "vocab_size": 300,
    "hidden_size": 24,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}
SMALL: dict[str, dict[str, Any]] = {
    "FluxTransformer2DModel": {
        "num_layers": 1,
        "num_single_layers": 2,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 32,
        "pooled_projection_dim": 16,
        "axes_dims_rope": [4, 6, 6],
    },
    "SD3Transformer2DModel": {
        "num_layers": 2,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 32,
        "caption_projection_dim": 32,
        "pooled_projection_dim": 32,
        "pos_embed_max_size": 16,
        "sample_size": 16,
        "dual_attention_layers": [0],
    },
    "AutoencoderKL": {
        "block_out_channels": [8, 8],
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "layers_per_block": 1,
        "norm_num_groups": 4,
    },
    "T5EncoderModel": {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_heads": 2},
    "QwenImageTransformer2DModel": {
        "num_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 24,
        "axes_dims_rope": [4, 6, 6],
    },
    "AutoencoderKLQwenImage": {"base_dim": 8, "dim_mult": [1, 1], "temperal_downsample": [True]},
    "Qwen2_5_VLForConditionalGeneration": {
        "text_config": {
            **LANGUAGE_MODEL,
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 2, 2]},
        },
        "vision_config": {"depth": 2, "hidden_size": 16, "num_heads": 2, "out_hidden_size": 24},
    },
    "ZImageTransformer2DModel": {
        "n_layers": 1,
        "n_refiner_layers": 1,
        "dim": 32,
        "n_heads": 2,
        "n_kv_heads": 2,
        "cap_feat_dim": 24,
        "axes_dims": [4, 6, 6],
    },
    "Qwen3Model": {**LANGUAGE_MODEL, "head_dim": 12},
}
CLIP = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "projection_dim": 16,
}


def small_parts(pipeline: str) -> dict[str, Any]:
    """An architecture of the catalogue at a width that a CPU runs in no time."""
    parts = known_parts(pipeline)
    configs = [config for name, config in parts.items() if name != "pipeline_class"]
    for config in configs:
        is_clip = config["_class_name"].startswith("CLIP")
        config.update(CLIP if is_clip else SMALL.get(config["_class_name"], {}))
    return parts


@cache
def small_model(pipeline: str) -> Model:
    return take_pipe(random_pipe(small_parts(pipeline), torch.device("cpu"), torch.float32)).model()


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Any]:
    """Begins the studies of a small model: four steps, two prompts."""
    (tmp_path / "out").mkdir()
    made: list[str] = []

    def begin(pipeline: str) -> Front:
        options = Namespace(pipeline=pipeline, scheduler="FlowMatchEuler", steps=4, trials=1)
        options.__dict__ |= {"num_samples": 2, "batch_size": 1, "device": "cpu", "seed": 0}
        request = replace(
            request_of(options),
            scorer=scorer_in(tmp_path),
            generation=GenerationSettings(size=(32, 32)),
        )

        def make() -> Model:
            made.append(pipeline)
            return small_model(pipeline)

        store = open_store(f"sqlite:///{tmp_path}/{pipeline}.db", create=True)
        return Front(request, "CPU", store, tmp_path / "out", make)

    yield begin


def test_a_random_model_is_studied_in_memory(front: Any) -> None:
    studied = front("FLUX.1-dev")
    for words in ("step_cache:2", "mag_cache:1", "cfg_cutoff:1", "cuda_graph:1"):
        studied.study(Asked.read(words), [], monotonic() + 600)
    stacks = studied.results["stacks"]
    first, second = stacks["step_cache"]["trials"]
    assert first["params"] == stacks["step_cache"]["default"]
    # The interval of the second point; of 4 calls it computes one.
    assert second["params"]["step_cache.interval"] == 4
    assert not stacks["step_cache"]["failed"]
    # The ratios of the real weights, not of these.
    [study] = read_studies(studied.store, stacks["mag_cache"]["study"])
    assert study.learned == {"mag_cache": MagCache().assumed(4)}
    assert "takes the guidance scale as an input" in stacks["cfg_cutoff"]["reason"]
    assert "device is cpu" in stacks["cuda_graph"]["reason"]


def test_the_same_command_goes_on_where_it_was_cut_off(
    front: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    late, asked = front("SD3.5-medium"), Asked.read("fewer_steps:1")
    late.study(asked, [], monotonic())
    assert late.results["stacks"] == {}
    assert "fewer_steps: no time is left" in capsys.readouterr().out
    late.study(asked, [], monotonic() + 600)
    [trial] = late.results["stacks"]["fewer_steps"]["trials"]

    again = front("SD3.5-medium")
    again.study(asked, [], monotonic() + 600)
    assert "fewer_steps: is there already" in capsys.readouterr().out
    assert again.results["stacks"]["fewer_steps"]["trials"] == [trial]


def test_encoders_that_no_time_holds_are_of_true_width_and_one_layer() -> None:
    pipe = small_model("FLUX.1-dev").pipe
    assert pipe.text_encoder.config.num_hidden_layers == pipe.text_encoder_2.config.num_layers == 1
    assert pipe.text_encoder_2.config.d_model == pipe.transformer.config.joint_attention_dim
    again = random_pipe(small_parts("FLUX.1-dev"), torch.device("cpu"), torch.float32)
    assert take_pipe(again).model().name == small_model("FLUX.1-dev").name


@pytest.mark.parametrize(("pipeline", "width"), [("Qwen-Image", 24), ("Z-Image", 24)])
def test_language_models_encode_prompts_in_the_width_of_the_denoiser(
    pipeline: str, width: int
) -> None:
    pipe = small_model(pipeline).pipe
    encoded = PIPELINES[pipeline].family.encode(pipe, ["a red circle", "a dog"], "")
    embeds = encoded.part(range(1, 2)).call(range(1))["prompt_embeds"][0]
    assert embeds.shape[-1] == width
    config = pipe.text_encoder.config
    assert getattr(config, "text_config", config).num_hidden_layers == 1
    assert getattr(config, "vision_config", None) is None or config.vision_config.depth == 1


def test_a_stack_of_captured_caches_begins_with_sensible_points() -> None:
    request = request_of(
        Namespace(
            **{"pipeline": "FLUX.1-dev", "scheduler": "FlowMatchEuler", "steps": 28, "trials": 1},
            **{"num_samples": 2, "batch_size": 1, "device": "cpu", "seed": 0},
        )
    )
    request = replace(request, methods=("step_cache",), model=None, scorer="tiny-shapes")
    plan = make_plan(request, small_model("FLUX.1-dev"))
    default, beside = first_points(plan.stack)
    full = [
        28 - sum(map(bool, plan.stack.schedule(point).skips["blocks"]))
        for point in (default, beside)
    ]
    assert full == [10, 7]


def test_a_cache_that_learns_begins_with_the_points_of_what_it_learned(tmp_path: Path) -> None:
    """The ratios that are assumed before make other points of equal effect."""
    plan = make_plan(
        StudyRequest("tiny-shapes-dit", "DPM-Solver++", 8, ("mag_cache",), trials=1, device="cpu")
    )
    store = open_store(f"sqlite:///{tmp_path}/a.db", create=True)
    keep_imported_points(store.engine, plan.combination, first_points(plan.stack))
    taught = plan.knowing({"mag_cache": (1.0, 1.21, 1.13, 1.11, 0.93, 0.98, 1.04, 1.16)})
    stack = taught.stack
    threshold = stack.space["mag_cache.threshold"].nearest(0.24)
    assert imported_points(taught, store) == [
        stack.default,
        stack.canonical({**BESIDE["mag_cache"], "mag_cache.threshold": threshold}),
    ]
