"""PixArt-alpha and PixArt-Sigma: diffusion transformers that read their prompts with T5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from accel_space.family import Family
from accel_space.profile import Profile
from objectives.pipelines.conditioning import Embedded
from objectives.pipelines.family import Count, DenoiserConfig, FamilyAdapter, PipelineClass
from objectives.prompt_length import cut_off_by_pipeline

ENCODED_TOGETHER = 8
"""Prompts that T5 encodes at a time."""


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
        )


class PixArt(FamilyAdapter):
    """Guided by halves, called by position; T5 encodes all prompts once and is freed."""

    values = PIXART
    config = PixArtConfig
    classes: ClassVar[Mapping[str, PipelineClass]] = {
        "PixArtAlphaPipeline": PipelineClass(),
        "PixArtSigmaPipeline": PipelineClass(),
    }
    # The size asked for is drawn, and the prompt is read as it is written.
    call: ClassVar[Mapping[str, Any]] = {"use_resolution_binning": False, "clean_caption": False}
    encoders = ("text_encoder", "tokenizer")

    def encode(self, pipe: Any, prompts: Sequence[str], negative_prompt: str = "") -> Embedded:
        """See `FamilyAdapter.encode`."""
        import torch

        encoded: list[tuple[torch.Tensor, ...]] = []
        with torch.inference_mode():
            for start in range(0, len(prompts), ENCODED_TOGETHER):
                batch = list(prompts[start : start + ENCODED_TOGETHER])
                encoded.append(
                    pipe.encode_prompt(
                        batch,
                        negative_prompt=negative_prompt,
                        device=pipe.device,
                        clean_caption=False,
                    )
                )
        embeds, mask, no_embeds, no_mask = (torch.cat(rows) for rows in zip(*encoded, strict=True))
        return Embedded(
            rows={"prompt_embeds": embeds, "prompt_attention_mask": mask},
            shared={
                "negative_prompt_embeds": no_embeds[0],
                "negative_prompt_attention_mask": no_mask[0],
            },
            fixed={"negative_prompt": None},
            cut_off=cut_off_by_pipeline(pipe, prompts),
            cuts_negative=bool(cut_off_by_pipeline(pipe, [negative_prompt])),
        )
