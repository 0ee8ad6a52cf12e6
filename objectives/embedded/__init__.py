"""The embedded pipelines: text to image, small enough to live in the repository.

They draw 64x64 scenes of coloured shapes from captions. `tiny-shapes` is built like SD1.5, and its
twins of the same world like SD2.1, SDXL, PixArt-alpha, SD3.5 and FLUX.1-dev. The folder holds
what the pipelines need in diffusers' own layout, the open_clip model that scores their pictures,
the prompts, and the code that trained all of it (`python -m objectives.embedded.train`, see
MODEL_CARD.md).

Importing this package imports nothing heavy: it only says where the files are.
"""

from pathlib import Path

PIPELINE_DIR = Path(__file__).parent / "tiny-shapes"
"""Folder for `diffusers.StableDiffusionPipeline.from_pretrained`."""

V_DIR = Path(__file__).parent / "tiny-shapes-v"
"""Folder for `diffusers.StableDiffusionPipeline.from_pretrained`, in the style of SD2.1."""

XL_DIR = Path(__file__).parent / "tiny-shapes-xl"
"""Folder for `diffusers.StableDiffusionXLPipeline.from_pretrained`."""

DIT_DIR = Path(__file__).parent / "tiny-shapes-dit"
"""Folder for `diffusers.PixArtAlphaPipeline.from_pretrained`."""

SD3_DIR = Path(__file__).parent / "tiny-shapes-sd3"
"""Folder for `diffusers.StableDiffusion3Pipeline.from_pretrained`."""

FLUX_DIR = Path(__file__).parent / "tiny-shapes-flux"
"""Folder for `diffusers.FluxPipeline.from_pretrained`."""

TWINS = (V_DIR, XL_DIR, DIT_DIR, SD3_DIR, FLUX_DIR)
"""The pipelines other than `tiny-shapes`; their `vae` links to its autoencoder, or holds a link to
its weights."""

CAPTION_LENGTH = 32
"""How many tokens of a caption all of them were trained to read."""

SCORER_DIR = Path(__file__).parent / "scorer"
"""Folder for open_clip's `local-dir:` scheme: the model and its tokenizer."""

PROMPTS_FILE = Path(__file__).parent / "prompts.txt"
"""Captions of combinations that were never trained on, one per line, balanced from the top."""

__all__ = [
    "CAPTION_LENGTH",
    "DIT_DIR",
    "FLUX_DIR",
    "PIPELINE_DIR",
    "PROMPTS_FILE",
    "SCORER_DIR",
    "SD3_DIR",
    "TWINS",
    "V_DIR",
    "XL_DIR",
]
