"""FLUX.1: transformers with separate blocks for picture and prompt, then joint ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from accel_space.family import Family
from accel_space.profile import Profile
from objectives.pipelines.conditioning import Embedded, encoded_in_batches
from objectives.pipelines.families.flow_matching import ShiftedFamily
from objectives.pipelines.family import Count, DenoiserConfig, PipelineClass
from objectives.prompt_length import cut_off_by_pipeline, longest_prompt

FLUX = Family(
    denoiser="transformer",
    blocks=("transformer_blocks", "single_transformer_blocks"),
    latents_keyword="hidden_states",
    adaptive_norms=True,
    joint_attention=True,
)

PACKED = 2
"""A token holds 2x2 latent pixels, one channel behind the other."""


class PackedConfig(DenoiserConfig):
    """Configuration of a denoiser that gets packed latents and names no size."""

    sample_size: Count = 128
    in_channels: Count = 64

    @property
    def latent_channels(self) -> int:
        """See `DenoiserConfig.latent_channels`."""
        return self.in_channels // PACKED**2

    @property
    def patch(self) -> int:
        """See `DenoiserConfig.patch`."""
        return PACKED


class FluxConfig(PackedConfig):
    """`transformer/config.json`; FluxPipeline takes a size of 128."""

    num_layers: Count = 19
    num_single_layers: Count = 38
    guidance_embeds: bool = False

    def profile(self, pipeline_class: str, latent_size: tuple[int, int]) -> Profile:
        """See `DenoiserConfig.profile`."""
        height, width = latent_size
        return Profile(
            pipeline_class=pipeline_class,
            family=FLUX,
            latent_size=latent_size,
            attention_grids=((height // PACKED, width // PACKED),),
            guidance="embedded" if self.guidance_embeds else "none",
            depth=self.num_layers + self.num_single_layers,
            # FLUX.1-schnell lost its guidance to the distillation that made it fast.
            few_steps=not self.guidance_embeds,
        )


class Flux(ShiftedFamily):
    """Guided by an input or not at all; CLIP and T5 encode all prompts once and are freed."""

    values = FLUX
    config = FluxConfig
    classes: ClassVar[Mapping[str, PipelineClass]] = {"FluxPipeline": PipelineClass()}
    encoders = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")

    def encode(
        self,
        pipe: Any,
        prompts: Sequence[str],
        negative_prompt: str = "",
        longest: int | None = None,
    ) -> Embedded:
        """See `FamilyAdapter.encode`; there is no negative prompt."""
        length = longest or longest_prompt(pipe)

        def encode(batch: list[str]) -> Any:
            embeds, pooled, _ = pipe.encode_prompt(
                batch, device=pipe.device, max_sequence_length=length
            )
            return embeds, pooled

        embeds, pooled = encoded_in_batches(prompts, encode)
        return Embedded(
            rows={"prompt_embeds": embeds, "pooled_prompt_embeds": pooled},
            shared={},
            fixed={},
            cut_off=cut_off_by_pipeline(pipe, prompts, length),
        )
