"""The interface of a family: what its pipelines share and no configuration file says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from accel_space.family import Family
from accel_space.profile import Profile
from objectives.pipelines.conditioning import Conditioning, Embedded, Plain
from storage.records.protocol import Dtype, Timed

if TYPE_CHECKING:
    import torch

Count = Annotated[int, Field(ge=1)]


class DenoiserConfig(BaseModel, ABC):
    """What the configuration of a denoiser must say, and what that means.

    Attributes:
        sample_size: The side of the latents that it was made for, or height and width.
        in_channels: Channels of its input.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    sample_size: Count | Annotated[Sequence[Count], Field(min_length=2, max_length=2)]
    in_channels: Count = 4

    @property
    def native_latent_size(self) -> tuple[int, int]:
        """(height, width) of the latents that it was made for, in latent pixels."""
        side = self.sample_size
        return (side, side) if isinstance(side, int) else (side[0], side[1])

    @property
    def latent_channels(self) -> int:
        """Channels of the latents, before they are packed."""
        return self.in_channels

    @property
    def patch(self) -> int:
        """The sides of a picture must be a multiple of this many latent pixels."""
        return 1

    @abstractmethod
    def profile(self, pipeline_class: str, latent_size: tuple[int, int]) -> Profile:
        """Describe a pipeline with such a denoiser to the methods.

        Args:
            pipeline_class: Name of the diffusers pipeline class.
            latent_size: (height, width) of the latent, in latent pixels.
        """


class VaeConfig(BaseModel, ABC):
    """What the configuration of a VAE must say for its architecture to be known."""

    model_config = ConfigDict(strict=True, frozen=True)

    @property
    @abstractmethod
    def channels(self) -> int:
        """Channels of the latents."""

    @property
    @abstractmethod
    def factor(self) -> int:
        """Pixels of a picture's side for one latent pixel."""


class PictureVae(VaeConfig):
    """Configuration of an AutoencoderKL."""

    block_out_channels: Annotated[list[Count], Field(min_length=1)]
    latent_channels: Count = 4

    @property
    def channels(self) -> int:
        """See `VaeConfig.channels`."""
        return self.latent_channels

    @property
    def factor(self) -> int:
        """See `VaeConfig.factor`."""
        factor: int = 2 ** (len(self.block_out_channels) - 1)
        return factor


@dataclass(frozen=True)
class PipelineClass:
    """A diffusers pipeline class of a family.

    Attributes:
        parts: Arguments of its `from_pretrained` that make sure only the model is timed.
        scheduler: Scheduler settings that its constructor sets whatever the file says.
    """

    parts: Mapping[str, Any] = field(default_factory=dict)
    scheduler: Mapping[str, Any] = field(default_factory=dict)


class FamilyAdapter(ABC):
    """One family: how to load, call and describe its pipelines."""

    values: ClassVar[Family]
    """What methods ask."""
    classes: ClassVar[Mapping[str, PipelineClass]]
    """Its diffusers pipeline classes, by name."""
    config: ClassVar[type[DenoiserConfig]]
    """The model that reads the configuration of its denoisers."""
    vae: ClassVar[type[VaeConfig]] = PictureVae
    """The model that reads the configuration of its VAEs."""
    call: ClassVar[Mapping[str, Any]] = {}
    """Further arguments of its calls: not prompt, size, steps, guidance, seeds or output."""
    encoders: ClassVar[tuple[str, ...]] = ()
    """Parts that encode the prompts once and are then freed, as they do not fit in next to the
    denoiser; latencies then begin at the embeddings. Without any, each call encodes its own."""
    gpu_dtype: ClassVar[Dtype] = "float16"
    """Type of the weights on a GPU."""
    schedulers: ClassVar[frozenset[str]] = frozenset()
    """The scheduler classes that work with it; if empty, those that diffusers lists as exchangeable
    with the model's own."""
    usual_scheduler: ClassVar[str] = "DDIM"
    """The scheduler if a person names none, as studies name it."""

    def encode(
        self,
        pipe: Any,
        prompts: Sequence[str],
        negative_prompt: str = "",
        longest: int | None = None,
    ) -> Embedded:
        """Encode prompts; only called for a family with `encoders`.

        Args:
            pipe: A pipeline with its `encoders`, without denoiser and VAE.
            prompts: At least one.
            negative_prompt: What every picture is guided away from; empty for nothing.
            longest: Tokens to read of each; None means as many as the pipeline's call reads.
        """
        raise NotImplementedError(f"{type(self).__name__} has encoders and must encode with them")

    def set_timesteps(self, scheduler: Any, steps: int, profile: Profile) -> None:
        """Let a scheduler choose its timesteps as the pipeline's call does.

        Args:
            scheduler: A diffusers scheduler.
            steps: num_inference_steps.
            profile: The pipeline's profile.
        """
        scheduler.set_timesteps(steps)

    def guided_by(self, guidance_scale: float) -> dict[str, Any]:
        """The arguments that give its calls a guidance scale."""
        # The argument of distilled guidance, which models with a second call do not have.
        unused = {"guidance_scale": None} if self.values.second_call else {}
        return {self.values.guidance_keyword: guidance_scale, **unused}

    @property
    def timed(self) -> Timed:
        """What a latency includes."""
        kind: type[Conditioning] = Embedded if self.encoders else Plain
        return kind.timed

    def dtype_on(self, device: torch.device) -> Dtype:
        """Type of the weights: fp32 on a CPU, where half precision is less exact and no faster."""
        return self.gpu_dtype if device.type == "cuda" else "float32"
