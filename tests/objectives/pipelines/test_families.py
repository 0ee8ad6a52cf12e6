"""What an adapter says of a family's pipelines is what those do."""

from __future__ import annotations

import pytest
import torch

from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.families import FAMILIES, family_of
from objectives.pipelines.families.unet import UNetConfig
from tests.tiny_pipelines import tiny_pipeline, tiny_profile, tiny_sd


@pytest.mark.parametrize("size", [(16, 16), (10, 14), (9, 16), (8, 24), (5, 5)], ids=str)
def test_attention_grids_are_those_of_the_running_unet(size: tuple[int, int]) -> None:
    pipe = tiny_sd()
    unet = pipe.unet
    seen: set[tuple[int, int]] = set()
    for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks):
        for attention in getattr(block, "attentions", []):
            attention.register_forward_pre_hook(lambda _, inputs: seen.add(inputs[0].shape[-2:]))

    with torch.no_grad():
        unet(torch.zeros(1, 4, *size), 1, encoder_hidden_states=torch.zeros(1, 12, 16))

    grids = tiny_profile(pipe, size).attention_grids
    assert grids == tuple(sorted((tuple(grid) for grid in seen), reverse=True))


def test_blocks_without_attention_have_no_grid() -> None:
    blocks = ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D")

    profile = UNetConfig(sample_size=128, down_block_types=blocks).profile("Any", (128, 96))

    assert profile.down_resnets == (2, 2, 2)
    assert profile.attention_grids == ((64, 48), (32, 24))


@pytest.mark.parametrize("mid_block_type", [None, "UNetMidBlock2D"])
def test_a_mid_block_without_attention_has_no_grid(mid_block_type: str | None) -> None:
    config = UNetConfig(
        sample_size=64,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        mid_block_type=mid_block_type,
    )

    profile = config.profile("Any", (64, 64))

    assert profile.attention_grids == ((64, 64),)
    assert profile.has_mid_block == (mid_block_type is not None)


@pytest.mark.parametrize("size", [(16, 16), (8, 24)], ids=str)
def test_a_transformer_attends_on_the_grid_of_its_patches(size: tuple[int, int]) -> None:
    pipe = tiny_pipeline("PixArt-alpha")
    transformer = pipe.transformer
    tokens: list[int] = []
    transformer.transformer_blocks[0].register_forward_pre_hook(
        lambda _, inputs: tokens.append(inputs[0].shape[1])
    )

    with torch.no_grad():
        transformer(
            torch.zeros(1, 4, *size),
            encoder_hidden_states=torch.zeros(1, 12, 16),
            timestep=torch.tensor([1]),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        )

    profile = tiny_profile(pipe, size)
    assert profile.down_resnets == ()
    assert profile.attention_grids == ((size[0] // 2, size[1] // 2),)
    assert tokens == [size[0] * size[1] // 4]


@pytest.mark.parametrize("pipeline_class", sorted({e.pipeline_class for e in PIPELINES.values()}))
def test_each_class_of_the_catalogue_is_one_of_one_family(pipeline_class: str) -> None:
    [family] = [family for family in FAMILIES if pipeline_class in family.classes]
    assert family_of(pipeline_class) is family


def test_a_class_of_no_family_is_named_with_where_to_add_it() -> None:
    with pytest.raises(
        LookupError, match=r"no family lists HunyuanDiTPipeline; add it to the `classes`"
    ):
        family_of("HunyuanDiTPipeline")
