"""Qwen-Image: joint transformer blocks, guided by a second call, with a video VAE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from accel_space.family import Family
from accel_space.profile import Profile
from objectives.pipelines.conditioning import ENCODED_TOGETHER, Embedded
from objectives.pipelines.families.flow_matching import ShiftedFamily
from objectives.pipelines.families.flux import PACKED, PackedConfig
from objectives.pipelines.family import Count, PipelineClass, VaeConfig
from objectives.prompt_length import cut_off_by_pipeline, longest_prompt

if TYPE_CHECKING:
    import torch

QWEN_IMAGE = Family(
    denoiser="transformer",
    blocks=("transformer_blocks",),
    latents_keyword="hidden_states",
    adaptive_norms=True,
    joint_attention=True,
    second_call=True,
)


class QwenImageConfig(PackedConfig):
    """`transformer/config.json`; it names no size, and QwenImagePipeline takes 128."""

    num_layers: Count = 60

    def profile(self, pipeline_class: str, latent_size: tuple[int, int]) -> Profile:
        """See `DenoiserConfig.profile`."""
        height, width = latent_size
        return Profile(
            pipeline_class=pipeline_class,
            family=QWEN_IMAGE,
            latent_size=latent_size,
            attention_grids=((height // PACKED, width // PACKED),),
            guidance="calls",
            depth=self.num_layers,
        )


class QwenImageVae(VaeConfig):
    """`vae/config.json`: it makes a picture into a video of one frame."""

    temperal_downsample: Annotated[Sequence[bool], Field(min_length=1)]
    z_dim: Count = 16

    @property
    def channels(self) -> int:
        """See `VaeConfig.channels`."""
        return self.z_dim

    @property
    def factor(self) -> int:
        """See `VaeConfig.factor`."""
        factor: int = 2 ** len(self.temperal_downsample)
        return factor


class Unpadded(Embedded):
    """Embeddings whose batches are as long as their longest prompt, as the pipeline's own are."""

    def _part(self, indices: range) -> dict[str, Any]:
        rows = super()._part(indices)
        longest = int(rows["prompt_embeds_mask"].sum(dim=1).max())
        return {name: each[:, :longest] for name, each in rows.items()}


class QwenImage(ShiftedFamily):
    """Guided by a call for the empty prompts; a language model encodes all prompts once."""

    values = QWEN_IMAGE
    config = QwenImageConfig
    vae = QwenImageVae
    classes: ClassVar[Mapping[str, PipelineClass]] = {"QwenImagePipeline": PipelineClass()}
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
        embeds, mask = _encoded(pipe, prompts, length)
        no_embeds, no_mask = _encoded(pipe, [negative_prompt], length)
        return Unpadded(
            rows={"prompt_embeds": embeds, "prompt_embeds_mask": mask},
            shared={
                "negative_prompt_embeds": no_embeds[0],
                "negative_prompt_embeds_mask": no_mask[0],
            },
            fixed={},
            cut_off=cut_off_by_pipeline(pipe, prompts, length),
            cuts_negative=bool(cut_off_by_pipeline(pipe, [negative_prompt], length)),
        )


def _encoded(
    pipe: Any, prompts: Sequence[str], length: int | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings and their mask, padded with zeros to the longest prompt."""
    import torch

    rows: list[torch.Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(prompts), ENCODED_TOGETHER):
            batch = list(prompts[start : start + ENCODED_TOGETHER])
            embeds, mask = pipe.encode_prompt(batch, device=pipe.device, max_sequence_length=length)
            # A batch of equal lengths has no mask.
            lengths = [embeds.shape[1]] * len(embeds) if mask is None else mask.sum(dim=1).tolist()
            rows += [row[:length] for row, length in zip(embeds, lengths, strict=True)]
        filled = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        ones = [torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows]
        return filled, torch.nn.utils.rnn.pad_sequence(ones, batch_first=True)
