"""What families trained by flow matching share: their schedulers and timesteps."""

from __future__ import annotations

from typing import Any, ClassVar

from accel_space.profile import Profile
from objectives.pipelines.family import FamilyAdapter
from storage.records.protocol import Dtype


class ShiftedFamily(FamilyAdapter):
    """A family whose pipelines shift the timesteps by the size of the picture."""

    gpu_dtype: ClassVar[Dtype] = "bfloat16"
    # Their calls give the scheduler sigmas and a shift, which Heun's scheduler does not accept.
    schedulers = frozenset({"FlowMatchEulerDiscreteScheduler"})
    usual_scheduler = "FlowMatchEuler"

    def set_timesteps(self, scheduler: Any, steps: int, profile: Profile) -> None:
        """See `FamilyAdapter.set_timesteps`."""
        import numpy as np
        from diffusers.pipelines.flux.pipeline_flux import retrieve_timesteps

        sigmas = np.linspace(1.0, 1 / steps, steps).tolist()
        retrieve_timesteps(scheduler, steps, sigmas=sigmas, mu=size_shift(scheduler, profile))


def size_shift(scheduler: Any, profile: Profile, max_shift: float = 1.15) -> float:
    """How far timesteps are shifted for a picture, as `mu` takes it.

    Args:
        scheduler: A diffusers scheduler.
        profile: The pipeline's profile.
        max_shift: The pipeline's own, if the scheduler's configuration has none.
    """
    from diffusers.pipelines.flux.pipeline_flux import calculate_shift

    config = scheduler.config
    height, width = profile.attention_grids[0]
    shift: float = calculate_shift(
        height * width,
        config.get("base_image_seq_len", 256),
        config.get("max_image_seq_len", 4096),
        config.get("base_shift", 0.5),
        config.get("max_shift", max_shift),
    )
    return shift
