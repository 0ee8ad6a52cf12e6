"""The families, a file each; a new one is added here."""

from __future__ import annotations

from objectives.pipelines.families.flux import Flux
from objectives.pipelines.families.pixart import PixArt
from objectives.pipelines.families.qwen_image import QwenImage
from objectives.pipelines.families.sd3 import StableDiffusion3
from objectives.pipelines.families.unet import UNet
from objectives.pipelines.families.z_image import ZImage
from objectives.pipelines.family import FamilyAdapter, PipelineClass

FAMILIES: list[FamilyAdapter] = [
    UNet(),
    PixArt(),
    Flux(),
    StableDiffusion3(),
    QwenImage(),
    ZImage(),
]


def family_of(pipeline_class: str) -> FamilyAdapter:
    """The family of a diffusers pipeline class that the catalogue names.

    Args:
        pipeline_class: Name of the class.

    Raises:
        LookupError: If no family lists the class.
    """
    for family in FAMILIES:
        if pipeline_class in family.classes:
            return family
    raise LookupError(
        f"no family lists {pipeline_class}; add it to the `classes` of one in "
        "objectives/pipelines/families/"
    )


def class_of(pipeline_class: str) -> PipelineClass:
    """What is known about a diffusers pipeline class that the catalogue names.

    Args:
        pipeline_class: As in `family_of`.
    """
    return family_of(pipeline_class).classes[pipeline_class]
