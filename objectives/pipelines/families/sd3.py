"""Stable Diffusion 3 and 3.5: transformers whose blocks join picture and prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from accel_space.family import Family
from accel_space.profile import Profile
from objectives.errors import InputError
from objectives.pipelines.conditioning import Embedded, encoded_in_batches
from objectives.pipelines.families.flow_matching import size_shift
from objectives.pipelines.family import Count, DenoiserConfig, FamilyAdapter, PipelineClass
from objectives.prompt_length import cut_off_by_pipeline, longest_prompt
from storage.records.protocol import Dtype

SD3 = Family(
    denoiser="transformer",
    blocks=("transformer_blocks",),
    latents_keyword="hidden_states",
    adaptive_norms=True,
    joint_attention=True,
)

MAX_SHIFT = 1.16
"""The default of its pipeline's call, if the scheduler's configuration has none."""


class SD3Config(DenoiserConfig):
    """`transformer/config.json`."""

    in_channels: Count = 16
    num_layers: Count
    patch_size: Count
    pos_embed_max_size: Count

    @property
    def patch(self) -> int:
        """See `DenoiserConfig.patch`."""
        return self.patch_size

    def profile(self, pipeline_class: str, latent_size: tuple[int, int]) -> Profile:
        """See `DenoiserConfig.profile`.

        Raises:
            InputError: If the model does not have enough positions for the patches.
        """
        height, width = (side // self.patch for side in latent_size)
        if max(height, width) > self.pos_embed_max_size:
            raise InputError(
                f"this model has positions for {self.pos_embed_max_size} patches a side, and "
                f"{max(height, width)} are asked for; give a smaller --size"
            )
        return Profile(
            pipeline_class=pipeline_class,
            family=SD3,
            latent_size=latent_size,
            attention_grids=((height, width),),
            depth=self.num_layers,
        )


class StableDiffusion3(FamilyAdapter):
    """Guided by halves; two CLIPs and T5 encode all prompts once and are freed."""

    values = SD3
    config = SD3Config
    classes: ClassVar[Mapping[str, PipelineClass]] = {"StableDiffusion3Pipeline": PipelineClass()}
    encoders = (
        *("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"),
        *("text_encoder_3", "tokenizer_3"),
    )
    gpu_dtype: ClassVar[Dtype] = "bfloat16"
    schedulers = frozenset({"FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler"})
    usual_scheduler = "FlowMatchEuler"

    def set_timesteps(self, scheduler: Any, steps: int, profile: Profile) -> None:
        """See `FamilyAdapter.set_timesteps`."""
        shifts = scheduler.config.get("use_dynamic_shifting")
        shift = {"mu": size_shift(scheduler, profile, MAX_SHIFT)} if shifts else {}
        scheduler.set_timesteps(steps, **shift)

    def encode(
        self,
        pipe: Any,
        prompts: Sequence[str],
        negative_prompt: str = "",
        longest: int | None = None,
    ) -> Embedded:
        """See `FamilyAdapter.encode`.

        Raises:
            InputError: If the model has no T5.
        """
        if pipe.text_encoder_3 is None:
            raise InputError(
                "this model has no text_encoder_3, and accelfront measures Stable Diffusion 3 with "
                "its T5; save the pipeline with it"
            )
        length = longest or longest_prompt(pipe)

        def encode(batch: list[str]) -> Any:
            return pipe.encode_prompt(
                batch,
                None,
                None,
                device=pipe.device,
                negative_prompt=negative_prompt,
                max_sequence_length=length,
            )

        embeds, no_embeds, pooled, no_pooled = encoded_in_batches(prompts, encode)
        return Embedded(
            rows={"prompt_embeds": embeds, "pooled_prompt_embeds": pooled},
            shared={
                "negative_prompt_embeds": no_embeds[0],
                "negative_pooled_prompt_embeds": no_pooled[0],
            },
            fixed={},
            cut_off=cut_off_by_pipeline(pipe, prompts, length),
            cuts_negative=bool(cut_off_by_pipeline(pipe, [negative_prompt], length)),
        )
