"""UNets with cross-attention: Stable Diffusion 1 and 2, and Stable Diffusion XL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Annotated, ClassVar

from pydantic import Field

from accel_space.family import Family
from accel_space.profile import Profile
from objectives.pipelines.family import Count, DenoiserConfig, FamilyAdapter, PipelineClass

# The down blocks are not among its blocks: they also return what they hand over to the up blocks.
UNET = Family(denoiser="unet", blocks=("mid_block", "up_blocks"))


class UNetConfig(DenoiserConfig):
    """`unet/config.json`; keys that may be missing have diffusers' defaults."""

    down_block_types: Annotated[Sequence[str], Field(min_length=1)]
    mid_block_type: str | None = "UNetMidBlock2DCrossAttn"
    layers_per_block: Count | Sequence[Count] = 2
    time_cond_proj_dim: int | None = None

    def profile(self, pipeline_class: str, latent_size: tuple[int, int]) -> Profile:
        """See `DenoiserConfig.profile`."""
        return Profile(
            pipeline_class=pipeline_class,
            family=UNET,
            latent_size=latent_size,
            attention_grids=self._attention_grids(latent_size),
            down_resnets=self._down_resnets,
            has_mid_block=self.mid_block_type is not None,
            # Latent consistency models take the guidance as an input.
            guidance="halves" if self.time_cond_proj_dim is None else "embedded",
        )

    @property
    def _down_resnets(self) -> tuple[int, ...]:
        """Resnets of each down block; diffusers accepts a number for all, or one for each."""
        layers = self.layers_per_block
        return (layers,) * len(self.down_block_types) if isinstance(layers, int) else tuple(layers)

    def _attention_grids(self, latent_size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """The grids of the blocks with attention; each block but the first halves the sides."""
        grid = latent_size
        grids = []
        for index, block in enumerate(self.down_block_types):
            if index > 0:
                grid = (ceil(grid[0] / 2), ceil(grid[1] / 2))
            if "CrossAttn" in block:
                grids.append(grid)
        if self.mid_block_type is not None and "CrossAttn" in self.mid_block_type:
            grids.append(grid)
        return tuple(dict.fromkeys(grids))


class UNet(FamilyAdapter):
    """Guided by halves, called by position, with prompts encoded in each call."""

    values = UNET
    config = UNetConfig
    classes: ClassVar[Mapping[str, PipelineClass]] = {
        "StableDiffusionPipeline": PipelineClass(
            parts={"safety_checker": None},
            # In diffusers 0.42.
            scheduler={"clip_sample": False, "steps_offset": 1},
        ),
        "StableDiffusionXLPipeline": PipelineClass(parts={"add_watermarker": False}),
    }
