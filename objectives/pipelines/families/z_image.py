"""Z-Image: one stream of picture and prompt, given as lists with an item for each picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from accel_space.family import Family
from accel_space.profile import Profile
from objectives.pipelines.conditioning import ENCODED_TOGETHER, Embedded
from objectives.pipelines.families.flow_matching import ShiftedFamily
from objectives.pipelines.family import Count, DenoiserConfig, PipelineClass
from objectives.prompt_length import cut_off_by_pipeline, longest_prompt

if TYPE_CHECKING:
    import torch

Z_IMAGE = Family(
    denoiser="transformer",
    blocks=("layers",),
    adaptive_norms=True,
    joint_attention=True,
    lists=True,
    # Its call adds the scaled difference to the prediction; others add it to the empty prompt's.
    guided_above=0.0,
)


class ZImageConfig(DenoiserConfig):
    """`transformer/config.json`; it names no size, and ZImagePipeline draws 1024 pixels a side."""

    sample_size: Count = 128
    in_channels: Count = 16
    n_layers: Count = 30
    all_patch_size: Annotated[Sequence[Count], Field(min_length=1)] = (2,)

    @property
    def patch(self) -> int:
        """See `DenoiserConfig.patch`."""
        return self.all_patch_size[0]

    def profile(self, pipeline_class: str, latent_size: tuple[int, int]) -> Profile:
        """See `DenoiserConfig.profile`."""
        height, width = latent_size
        return Profile(
            pipeline_class=pipeline_class,
            family=Z_IMAGE,
            latent_size=latent_size,
            attention_grids=((height // self.patch, width // self.patch),),
            depth=self.n_layers,
        )


class ZImage(ShiftedFamily):
    """Guided by halves, the prompts' first; a language model encodes all prompts once."""

    values = Z_IMAGE
    config = ZImageConfig
    classes: ClassVar[Mapping[str, PipelineClass]] = {"ZImagePipeline": PipelineClass()}
    encoders = ("text_encoder", "tokenizer")

    def encode(
        self,
        pipe: Any,
        prompts: Sequence[str],
        negative_prompt: str = "",
        longest: int | None = None,
    ) -> Embedded:
        """See `FamilyAdapter.encode`; each prompt keeps its own length."""
        length = longest or longest_prompt(pipe)
        [negative] = _encoded(pipe, [negative_prompt], length)
        return Embedded(
            rows={
                "prompt_embeds": _encoded(pipe, prompts, length),
                "negative_prompt_embeds": [negative] * len(prompts),
            },
            shared={},
            fixed={},
            cut_off=cut_off_by_pipeline(pipe, prompts, length),
            cuts_negative=bool(cut_off_by_pipeline(pipe, [negative_prompt], length)),
        )


def _encoded(pipe: Any, prompts: Sequence[str], length: int | None) -> list[torch.Tensor]:
    import torch

    rows: list[torch.Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(prompts), ENCODED_TOGETHER):
            batch = list(prompts[start : start + ENCODED_TOGETHER])
            rows += pipe.encode_prompt(
                batch,
                device=pipe.device,
                do_classifier_free_guidance=False,
                max_sequence_length=length,
            )[0]
    return rows
