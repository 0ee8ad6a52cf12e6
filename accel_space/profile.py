"""What a method must know about a pipeline and its scheduler, from configurations alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from accel_space.family import Family, Guidance


@dataclass(frozen=True)
class Profile:
    """The architecture of one pipeline at one picture size.

    Attributes:
        pipeline_class: Name of the diffusers pipeline class.
        family: What the pipeline shares with others.
        latent_size: (height, width) of the latent, in latent pixels.
        attention_grids: The distinct (height, width) token grids on which transformer blocks
            work, finest first.
        down_resnets: Number of resnets in each block of the way down, if the way down hands
            features over to a way up; empty for a denoiser without such ways.
        has_mid_block: Whether there is a block between the two ways; some distilled models have
            none.
        guidance: How the denoiser is guided.
        depth: Number of transformer blocks, if the denoiser is a row of them; otherwise 0.
        few_steps: Whether the model was distilled to draw in few steps.
    """

    pipeline_class: str
    family: Family
    latent_size: tuple[int, int]
    attention_grids: tuple[tuple[int, int], ...]
    down_resnets: tuple[int, ...] = ()
    has_mid_block: bool = False
    guidance: Guidance = "halves"
    depth: int = 0
    few_steps: bool = False


@dataclass(frozen=True)
class SchedulerProfile:
    """What a method must know about a scheduler.

    Attributes:
        name: Name of the diffusers scheduler class.
        order: Denoiser calls per step.
        timesteps: The timesteps of one generation, in order of use.
        timesteps_at: The timesteps for another number of steps.
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
