"""The catalogue's pipelines that are part of accelfront."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from objectives import embedded
from objectives.pipelines.entry import PipelineEntry


class _Tiny(TypedDict):
    scorer: str
    prompts: Path
    num_samples: int
    batch_size: int


TINY: _Tiny = {
    "scorer": "tiny-shapes",
    "prompts": embedded.PROMPTS_FILE,
    "num_samples": 32,
    "batch_size": 4,
}
"""The common values of the embedded pipelines: one world, small pictures."""

EMBEDDED = (
    PipelineEntry(
        name="tiny-shapes",
        pipeline_class="StableDiffusionPipeline",
        model=embedded.PIPELINE_DIR,
        # More than is best for its pictures: there DeepCache costs them almost nothing, and a
        # study would have nothing to weigh (benchmarks/results/embedded-guidance.md).
        guidance_scale=12.0,
        **TINY,
    ),
    PipelineEntry(
        name="tiny-shapes-v",
        pipeline_class="StableDiffusionPipeline",
        model=embedded.V_DIR,
        guidance_scale=14.5,
        **TINY,
    ),
    PipelineEntry(
        name="tiny-shapes-xl",
        pipeline_class="StableDiffusionXLPipeline",
        model=embedded.XL_DIR,
        guidance_scale=10.0,
        **TINY,
    ),
    PipelineEntry(
        name="tiny-shapes-dit",
        pipeline_class="PixArtAlphaPipeline",
        model=embedded.DIT_DIR,
        guidance_scale=4.5,
        **TINY,
    ),
    PipelineEntry(
        name="tiny-shapes-sd3",
        pipeline_class="StableDiffusion3Pipeline",
        model=embedded.SD3_DIR,
        guidance_scale=4.0,
        steps=28,
        max_sequence_length=embedded.CAPTION_LENGTH,
        **TINY,
    ),
    PipelineEntry(
        name="tiny-shapes-flux",
        pipeline_class="FluxPipeline",
        model=embedded.FLUX_DIR,
        guidance_scale=3.5,
        steps=28,
        size=(64, 64),
        max_sequence_length=embedded.CAPTION_LENGTH,
        **TINY,
    ),
)
