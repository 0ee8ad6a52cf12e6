"""PixArt-alpha and PixArt-Sigma: diffusion transformers that read their prompts with T5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from accel_space.family import Family
from accel_space.profile import Profile
from objectives.pipelines.conditioning import Embedded, encoded_in_batches
from objectives.pipelines.family import Count, DenoiserConfig, FamilyAdapter, PipelineClass
from objectives.prompt_length import cut_off_by_pipeline, longest_prompt

PIXART = Family(denoiser="transformer", blocks=("transformer_blocks",), adaptive_norms=True)


class PixArtConfig(DenoiserConfig):
    """`transformer/config.json`."""

    num_layers: Count
    patch_size: Count

    @property
    def patch(self) -> int:
        """See `DenoiserConfig.patch`."""
        return self.patch_size

    def profile(self, pipeline_class: str, latent_size: tuple[int, int]) -> Profile:
        """See `DenoiserConfig.profile`."""
        height, width = latent_size
        return Profile(
            pipeline_class=pipeline_class,
            family=PIXART,
            latent_size=latent_size,
            attention_grids=((height // self.patch, width // self.patch),),
            depth=self.num_layers,
        )


class PixArt(FamilyAdapter):
    """Guided by halves, called by position; T5 encodes all prompts once and is freed."""

    values = PIXART
    config = PixArtConfig
    classes: ClassVar[Mapping[str, PipelineClass]] = {
        "PixArtAlphaPipeline": PipelineClass(),
        "PixArtSigmaPipeline": PipelineClass(),
    }
    # The requested size is drawn, and the prompt is read as it is written.
    call: ClassVar[Mapping[str, Any]] = {"use_resolution_binning": False, "clean_caption": False}
    encoders = ("text_encoder", "tokenizer")

    def encode(
        self,
        pipe: Any,
        prompts: Sequence[str],
        negative_prompt: str = "",
        longest: int | None = None,
    ) -> Embedded:
        """See `FamilyAdapter.encode`."""
        length = longest or longest_prompt(pipe)
        embeds, mask, no_embeds, no_mask = encoded_in_batches(
            prompts,
            partial(
                pipe.encode_prompt,
                negative_prompt=negative_prompt,
                device=pipe.device,
                clean_caption=False,
                max_sequence_length=length,
            ),
        )
        return Embedded(
            rows={"prompt_embeds": embeds, "prompt_attention_mask": mask},
            shared={
                "negative_prompt_embeds": no_embeds[0],
                "negative_prompt_attention_mask": no_mask[0],
            },
            fixed={"negative_prompt": None},
            cut_off=cut_off_by_pipeline(pipe, prompts, length),
            cuts_negative=bool(cut_off_by_pipeline(pipe, [negative_prompt], length)),
        )
