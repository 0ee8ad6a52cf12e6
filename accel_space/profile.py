"""What a method has to know of a pipeline and its scheduler, from configurations alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import ceil
from typing import Any


@dataclass(frozen=True)
class Profile:
    """The architecture of one pipeline at one picture size.

    Attributes:
        pipeline_class: Name of the diffusers pipeline class.
        unet_resnets: Number of resnets in each of the UNet's down blocks; empty if the denoiser is
            no UNet.
        has_mid_block: Whether the UNet has a mid block; some distilled ones have none.
        embeds_guidance: Whether the denoiser takes the guidance scale as an input, as latent
            consistency models do; diffusers then never runs it guided.
        latent_size: (height, width) of the latent, in latent pixels.
        attention_grids: The distinct (height, width) token grids on which transformer blocks
            work, finest first.
    """

    pipeline_class: str
    unet_resnets: tuple[int, ...]
    latent_size: tuple[int, int]
    attention_grids: tuple[tuple[int, int], ...]
    has_mid_block: bool = True
    embeds_guidance: bool = False

    @classmethod
    def from_unet_config(
        cls, pipeline_class: str, config: Mapping[str, Any], latent_size: tuple[int, int]
    ) -> Profile:
        """Describe a UNet pipeline from `unet/config.json` or from `pipe.unet.config`.

        Args:
            pipeline_class: Name of the diffusers pipeline class.
            config: The UNet's configuration.
            latent_size: (height, width) of the latent, in latent pixels.
        """
        down_blocks = config["down_block_types"]
        # diffusers takes a number for all blocks, or one for each.
        layers = config.get("layers_per_block", 2)
        resnets = (layers,) * len(down_blocks) if isinstance(layers, int) else tuple(layers)
        grid = latent_size
        grids = []
        for index, block in enumerate(down_blocks):
            if index > 0:
                grid = (ceil(grid[0] / 2), ceil(grid[1] / 2))
            if "CrossAttn" in block:
                grids.append(grid)
        mid_block = config.get("mid_block_type", "UNetMidBlock2DCrossAttn")
        if mid_block is not None and "CrossAttn" in mid_block:
            grids.append(grid)
        return cls(
            pipeline_class=pipeline_class,
            unet_resnets=resnets,
            latent_size=latent_size,
            attention_grids=tuple(dict.fromkeys(grids)),
            has_mid_block=mid_block is not None,
            embeds_guidance=config.get("time_cond_proj_dim") is not None,
        )

    @classmethod
    def from_transformer_config(
        cls, pipeline_class: str, config: Mapping[str, Any], latent_size: tuple[int, int]
    ) -> Profile:
        """Describe a diffusion transformer from its `config.json` or from its `config`.

        Args:
            pipeline_class: Name of the diffusers pipeline class.
            config: The transformer's configuration.
            latent_size: (height, width) of the latent, in latent pixels.
        """
        height, width = latent_size
        patch = config["patch_size"]
        return cls(
            pipeline_class=pipeline_class,
            unet_resnets=(),
            latent_size=latent_size,
            attention_grids=((height // patch, width // patch),),
            has_mid_block=False,
        )


@dataclass(frozen=True)
class SchedulerProfile:
    """What a method has to know of a scheduler.

    Attributes:
        name: Name of the diffusers scheduler class.
        order: Denoiser calls per step.
        timesteps: The timesteps of one generation, in order of use.
        timesteps_at: Those of another number of steps.
    """

    name: str
    order: int
    timesteps: tuple[float, ...]
    timesteps_at: Callable[[int], tuple[float, ...]] = field(compare=False, repr=False)

    def at(self, steps: int) -> SchedulerProfile:
        """The same scheduler at another number of steps."""
        return replace(self, timesteps=self.timesteps_at(steps))

    @property
    def repeats_timesteps(self) -> bool:
        """Whether a timestep comes twice, as it does in PNDM and in schedulers of order 2."""
        return any(earlier == later for earlier, later in pairwise(sorted(self.timesteps)))
