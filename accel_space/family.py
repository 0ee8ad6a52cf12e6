"""What the methods must know about a family of pipelines that no configuration file says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Guidance = Literal["halves", "calls", "embedded", "none"]
"""How a denoiser is guided: by a batch with a half for the empty prompts, by a separate call for
them after each call for the prompts, by an input, or never."""


@dataclass(frozen=True)
class Family:
    """The values of a family. A method's `accelerate` gets them by name, as plain values.

    Attributes:
        denoiser: The pipeline's attribute that holds the module which predicts the noise.
        blocks: The denoiser's attributes that hold its blocks, in the order in which they run; only
            blocks whose output is a tensor, or one for the picture and one for the prompt.
        latents_keyword: The keyword by which the pipeline gives the denoiser its latents; empty
            where latents and timestep come first, by position.
        adaptive_norms: Whether the transformer blocks take the timestep, for their norms.
        joint_attention: Whether picture and prompt share all attentions, so that none is a
            cross-attention.
        second_call: Whether the guidance is a second call of the denoiser in each step. The
            pipeline makes it only if it gets a negative prompt, which may be empty.
        lists: Whether latents, prompts and predictions are lists with an item for each picture,
            with the prompts' half first in a guided batch.
        guided_above: The guidance scale up to which guidance is off.
    """

    denoiser: str
    blocks: tuple[str, ...]
    latents_keyword: str = ""
    adaptive_norms: bool = False
    joint_attention: bool = False
    second_call: bool = False
    lists: bool = False
    guided_above: float = 1.0

    @property
    def guidance_keyword(self) -> str:
        """The keyword of the guidance scale in the pipeline's call."""
        return "true_cfg_scale" if self.second_call else "guidance_scale"

    def denoiser_of(self, pipe: Any) -> Any:
        """The module that predicts the noise in a pipe of this family."""
        return getattr(pipe, self.denoiser)
