"""What the pipelines of one family share and no configuration file says, as the methods ask it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Guidance = Literal["halves", "embedded", "none"]
"""How a denoiser is guided: by a batch with a half for the empty prompts, by an input, or never."""


@dataclass(frozen=True)
class Family:
    """The values of a family. A method's `accelerate` is given them by name, as plain values.

    Attributes:
        denoiser: The pipeline's attribute that holds the module which predicts the noise.
        blocks: The denoiser's attributes that hold its blocks, in the order of their work; only
            blocks whose output is a tensor, or one for the picture and one for the prompt.
        latents_keyword: The keyword by which the pipeline gives the denoiser its latents; empty
            where latents and timestep come first, by position.
        adaptive_norms: Whether the transformer blocks are given the timestep, for their norms.
        joint_attention: Whether picture and prompt share all attentions, so that none is a
            cross-attention.
    """

    denoiser: str
    blocks: tuple[str, ...]
    latents_keyword: str = ""
    adaptive_norms: bool = False
    joint_attention: bool = False

    def denoiser_of(self, pipe: Any) -> Any:
        """The module that predicts the noise in a pipe of this family."""
        return getattr(pipe, self.denoiser)
