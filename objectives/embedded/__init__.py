"""The embedded pipeline `tiny-shapes`: text to image, small enough to live in the repository.

It draws 64x64 scenes of coloured shapes from captions. The folder holds what a diffusion pipeline
needs in diffusers' own layout, the open_clip model that scores its pictures, the prompts, and the
code that trained all of it (`python -m objectives.embedded.train`, see MODEL_CARD.md).

Importing this package imports nothing heavy: it only says where the files are.
"""

from pathlib import Path

PIPELINE_DIR = Path(__file__).parent / "tiny-shapes"
"""Folder for `diffusers.StableDiffusionPipeline.from_pretrained`."""

SCORER_DIR = Path(__file__).parent / "scorer"
"""Folder for open_clip's `local-dir:` scheme: the model and its tokenizer."""

PROMPTS_FILE = Path(__file__).parent / "prompts.txt"
"""Captions of combinations that were never trained on, one a line, balanced from the top."""

__all__ = ["PIPELINE_DIR", "PROMPTS_FILE", "SCORER_DIR"]
