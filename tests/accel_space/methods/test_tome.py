from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from accel_space.errors import RefusedError
from accel_space.method import Context
from accel_space.methods.tome import ToMe
from accel_space.stack import Stack
from tests.tiny_pipelines import draw, tiny_context, tiny_pipeline, tiny_profile, tiny_sd


def _context(pipe: Any, latent_size: tuple[int, int]) -> Context:
    profile = tiny_profile(pipe, latent_size)
    return replace(tiny_context(pipe, ["tome"]), profile=profile)


@pytest.fixture(scope="module")
def pipe() -> Any:
    return tiny_sd()


def test_the_grid_holds_what_differs_of_the_prototypes(pipe: Any) -> None:
    space = Stack(_context(pipe, (64, 64))).space

    assert space["tome.ratio"].values == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75)
    assert space["tome.max_downsample"].values == (1, 2, 4, 8)


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        (
            {"tome.ratio": 0.8, "tome.max_downsample": 1},
            {"tome.ratio": 0.75, "tome.max_downsample": 1},
        ),
        (
            {"tome.ratio": 0.9, "tome.max_downsample": 3},
            {"tome.ratio": 0.75, "tome.max_downsample": 2},
        ),
        (
            {"tome.ratio": 0.5, "tome.max_downsample": 16},
            {"tome.ratio": 0.5, "tome.max_downsample": 8},
        ),
    ],
)
def test_values_that_merge_no_more_are_one_point(
    pipe: Any, given: dict[str, float], canonical: dict[str, float]
) -> None:
    assert Stack(_context(pipe, (64, 64))).canonical(given) == canonical


def test_half_of_the_tokens_are_merged_down_to_the_wanted_grid(
    pipe: Any,
) -> None:
    skipped = ToMe().schedule({"ratio": 0.5, "max_downsample": 2}, _context(pipe, (64, 64))).skips

    assert set(skipped) == {"tokens_64x64", "tokens_32x32"}
    assert {share for shares in skipped.values() for share in shares} == {0.5}


def test_on_sdxl_max_downsample_starts_at_2_and_8_is_4() -> None:
    pipe = tiny_pipeline("SDXL")
    plain = draw(pipe)
    stack = Stack(_context(pipe, (128, 128)))
    assert stack.space["tome.max_downsample"].values == (2, 4)
    assert stack.space["tome.max_downsample"].default == 2
    assert (
        stack.canonical({"tome.ratio": 0.5, "tome.max_downsample": 8})["tome.max_downsample"] == 4
    )

    pictures = []
    for downsample in (1, 2, 4, 8):
        with stack.applied(
            pipe, {"tome.ratio": 0.5, "tome.max_downsample": downsample}
        ) as generate:
            pictures.append(draw(generate))

    assert torch.equal(pictures[0], plain)
    assert not torch.equal(pictures[1], pictures[2])
    assert torch.equal(pictures[2], pictures[3])


SIZES = [(16, 16), (10, 14), (9, 16), (8, 24), (12, 12), (5, 5), (7, 7), (2, 2)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_is_proposed_merges_as_promised_at_any_size(pipe: Any, size: tuple[int, int]) -> None:
    stack = Stack(_context(pipe, size))
    deepest = stack.space["tome.max_downsample"].values[-1]
    for ratio in (0.3, 0.75):
        point = {"tome.ratio": ratio, "tome.max_downsample": deepest}
        promised = set()
        for name, (share, *_) in stack.schedule(point).skips.items():
            height, width = map(int, name.removeprefix("tokens_").split("x"))
            promised.add(round(height * width * (1 - share)))
        assert promised <= _attention_tokens(stack, pipe, point, size)


@pytest.mark.parametrize("size", [(9, 16), (8, 24)], ids=str)
def test_a_grid_that_tomesd_cannot_merge_is_refused(pipe: Any, size: tuple[int, int]) -> None:
    stack = Stack(_context(pipe, size))
    deepest = stack.space["tome.max_downsample"].values[-1]

    with pytest.raises(RefusedError, match=f"use a max_downsample of {deepest} or less"):
        stack.canonical({"tome.ratio": 0.75, "tome.max_downsample": 64})


def test_a_latent_too_small_to_merge_is_refused(pipe: Any) -> None:
    with pytest.raises(RefusedError, match="1x16 latent"):
        Stack(_context(pipe, (1, 16)))


def test_a_transformer_is_refused(pipe: Any) -> None:
    with pytest.raises(RefusedError, match="tomesd patches a UNet's blocks, and PixArtSigmaPip"):
        Stack(tiny_context(tiny_pipeline("PixArt-Sigma"), ["tome"]))


def _attention_tokens(
    stack: Stack, pipe: Any, point: dict[str, float], size: tuple[int, int]
) -> set[int]:
    """Run the patched UNet once and tell how many tokens its self-attentions got."""
    tokens: set[int] = set()
    with stack.applied(pipe, point), torch.random.fork_rng(devices=[]), torch.no_grad():
        for name, layer in pipe.unet.named_modules():
            if name.endswith("attn1.to_q"):
                layer.register_forward_pre_hook(lambda _, inputs: tokens.add(inputs[0].shape[1]))
        text = torch.zeros(2, 12, pipe.unet.config.cross_attention_dim)
        pipe.unet(torch.randn(2, 4, *size), 500, encoder_hidden_states=text)
    return tokens
