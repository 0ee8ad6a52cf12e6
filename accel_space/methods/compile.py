"""Compile: torch.compile for each block of the denoiser, and for the VAE's decoder."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.schedule import Lossless

BLOCKS = ("ResnetBlock2D", "BasicTransformerBlock", "JointTransformerBlock")
"""The block classes of UNets, PixArt and Stable Diffusion 3; later transformers name theirs
themselves."""

MOST_VARIANTS = 256
"""Variants of one compiled function: each block's shapes and each batch size need their own."""

PARTS = range(3)

COMPILERS = {
    "cuda": ("CC", "gcc", "clang"),
    "cpu": ("CXX", "clang++" if sys.platform == "darwin" else "g++"),
}
"""torch.compile's compilers by kind of device: the variable that names one, and its defaults."""


def apply_compile(
    pipe: Any, generate: Callable[..., Any], *, denoiser: str, parts: int
) -> Callable[..., Any]:
    """Compile the denoiser's blocks, and the VAE's decoder if `parts` is 2."""
    import torch
    import torch._dynamo

    module = getattr(pipe, denoiser)
    names = {*BLOCKS, *(getattr(module, "_repeated_blocks", None) or ())}
    blocks = [each for each in module.modules() if type(each).__name__ in names]
    held = [*(blocks if parts else []), *([pipe.vae.decoder] if parts > 1 else [])]
    for block in held:
        block.forward = torch.compile(block.forward, dynamic=False)
    if held:
        logger = logging.getLogger("accelfront")
        logger.info("compiling %d blocks at their first call", len(held))

    def generate_compiled(*args: Any, **kwargs: Any) -> Any:
        limits = {
            "recompile_limit": MOST_VARIANTS,
            "accumulated_recompile_limit": 16 * MOST_VARIANTS,
        }
        with torch._dynamo.config.patch(limits):
            return generate(*args, **kwargs)

    return generate_compiled


class Compile(Method):
    """Compile nothing (`parts` 0), the denoiser's blocks (1), or the VAE's decoder as well (2).

    Compiled code outlives the application: a process compiles each shape once.
    """

    name = "compile"
    title = "compile"
    words = ("compile", "torch.compile", "compiled", "编译")
    place = "first"
    is_lossless = True
    accelerate = staticmethod(apply_compile)
    conflicts: ClassVar[Mapping[str, str]] = {
        "tgate": "T-GATE replaces the attentions inside the blocks before every step, "
        "and each would be compiled anew",
        "tome": "ToMe draws from a generator inside the blocks, which compiled code does "
        "otherwise, and it would be compiled anew with every point",
    }

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        return None

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        return {"parts": Choices(tuple(PARTS), default=1)}

    def schedule(self, params: Params, context: Context) -> Lossless:
        """See `Method.schedule`."""
        parts = int(params["parts"])
        features = {"blocks": float(parts > 0), "decoder": float(parts > 1)}
        return Lossless(features, changes_nothing=parts == 0)

    def why_not_machine(self, device: Literal["cpu", "cuda"]) -> str | None:
        """See `Method.why_not_machine`."""
        variable, *usual = COMPILERS[device]
        named = os.environ.get(variable)
        names = shlex.split(named)[:1] if named else usual
        if any(map(shutil.which, names)):
            return None
        return (
            f"compile needs a C{'++' if device == 'cpu' else ''} compiler, and there is no "
            f"{' or '.join(names)} here; install one, or leave compile out"
        )
