"""Fingerprints of pipelines in memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from peft import LoraConfig

from objectives.embedded import PIPELINE_DIR
from objectives.model_files.in_memory import pipe_fingerprint
from tests.tiers.covering import taking_turns
from tests.tiny_pipelines import CALLS, EVERY_FAMILY, denoiser_of, draw, tiny_pipeline


@pytest.mark.parametrize("family", taking_turns(EVERY_FAMILY, 0))
def test_equal_pipes_are_equal_and_drawing_changes_nothing(family: str) -> None:
    pipe = tiny_pipeline(family)
    made = pipe_fingerprint(pipe)
    draw(pipe, steps=2, **CALLS[family])
    assert made == pipe_fingerprint(pipe) == pipe_fingerprint(tiny_pipeline(family))
    assert made != pipe_fingerprint(tiny_pipeline(family, seed=1))


def test_another_process_makes_the_same() -> None:
    code = (
        "from tests.objectives.model_files.test_in_memory import *\n"
        "print(pipe_fingerprint(tiny_pipeline('SDXL')), pipe_fingerprint(embedded_pipeline()))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pipes = tiny_pipeline("SDXL"), embedded_pipeline()
    assert other.stdout.split() == [pipe_fingerprint(pipe) for pipe in pipes]


def embedded_pipeline() -> Any:
    """The shipped one, from its files, with a scheduler of one's own."""
    pipe = StableDiffusionPipeline.from_pretrained(PIPELINE_DIR)
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(
        pipe.scheduler.config, use_karras_sigmas=True
    )
    return pipe


@pytest.mark.parametrize("family", taking_turns(EVERY_FAMILY, 1))
def test_a_pipe_that_was_saved_is_the_same_wherever_it_lies(family: str, tmp_path: Path) -> None:
    pipe = tiny_pipeline(family)
    found = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        pipe.save_pretrained(folder)
        found.add(pipe_fingerprint(type(pipe).from_pretrained(folder)))
    assert found == {pipe_fingerprint(pipe)}


def _least_bit(pipe: Any) -> None:
    bits = pipe.unet.up_blocks[-1].resnets[0].conv1.weight.data.view(torch.int32)
    bits[-1, -1, -1, -1] ^= 1


def _text_encoder(pipe: Any) -> None:
    pipe.text_encoder_2.state_dict()["text_model.embeddings.token_embedding.weight"][0, 0] += 1


def _two_weights_change_places(pipe: Any) -> None:
    bias = pipe.vae.decoder.conv_in.bias.data
    bias[[0, 1]] = bias[[1, 0]]


def _scheduler(pipe: Any) -> None:
    pipe.scheduler = type(pipe.scheduler).from_config(
        pipe.scheduler.config, timestep_spacing="trailing"
    )


def _vae_factor(pipe: Any) -> None:
    pipe.vae.register_to_config(scaling_factor=0.5)


def _pipe_option(pipe: Any) -> None:
    pipe.register_to_config(force_zeros_for_empty_prompt=False)


def _vocabulary(pipe: Any) -> None:
    pipe.tokenizer.add_tokens(["<mine>"])


def _padding(pipe: Any) -> None:
    pipe.tokenizer.padding_side = "left"


def _padding_token(pipe: Any) -> None:
    pipe.tokenizer.pad_token = "a"


def _half(pipe: Any) -> None:
    pipe.to(torch.bfloat16)


def _tiling(pipe: Any) -> None:
    pipe.vae.enable_tiling()


def _free_u(pipe: Any) -> None:
    pipe.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)


def _slicing(pipe: Any) -> None:
    pipe.enable_attention_slicing(1)


@pytest.mark.parametrize(
    "change",
    [
        _tiling,
        _free_u,
        _slicing,
        _least_bit,
        _text_encoder,
        _two_weights_change_places,
        _scheduler,
        _vae_factor,
        _pipe_option,
        _vocabulary,
        _padding,
        _padding_token,
        _half,
    ],
)
def test_whatever_changes_pictures_changes_the_fingerprint(change: Callable[[Any], None]) -> None:
    pipe = tiny_pipeline("SDXL")
    before = pipe_fingerprint(pipe)
    change(pipe)
    assert pipe_fingerprint(pipe) != before


def test_a_lora_counts_with_its_scale_and_fused_or_not() -> None:
    pipe = tiny_pipeline("SD1.5")
    found = [pipe_fingerprint(pipe)]
    torch.manual_seed(0)
    config = LoraConfig(r=2, target_modules=["to_q"], init_lora_weights=False)
    denoiser_of(pipe).add_adapter(config, "mine")
    found.append(pipe_fingerprint(pipe))
    pipe.set_adapters(["mine"], [0.5])
    found.append(pipe_fingerprint(pipe))
    pipe.fuse_lora()
    found.append(pipe_fingerprint(pipe))
    pipe.disable_lora()
    found.append(pipe_fingerprint(pipe))
    assert len(set(found)) == len(found)


def test_a_pipe_with_a_fused_lora_is_the_same_once_it_is_saved(tmp_path: Path) -> None:
    pipe = tiny_pipeline("SD1.5")
    config = LoraConfig(r=2, target_modules=["to_q"], init_lora_weights=False)
    denoiser_of(pipe).add_adapter(config, "mine")
    pipe.fuse_lora(lora_scale=0.5)
    pipe.unload_lora_weights()
    pipe.save_pretrained(tmp_path)
    assert pipe_fingerprint(pipe) == pipe_fingerprint(type(pipe).from_pretrained(tmp_path))


@pytest.mark.gpu
def test_the_device_does_not_count() -> None:
    pipe = tiny_pipeline("SDXL")
    assert pipe_fingerprint(pipe) == pipe_fingerprint(pipe.to("cuda"))
