"""Who sets the pace of a denoiser: the GPU, or the host that hands it its work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

APART_S = 1e-3
"""Least time between two marks: it holds some 50 launches, far fewer than the thousand or so that
can wait on a GPU, and asking costs a hundredth of it."""


class Pace:
    """Time in which the GPU had work waiting, and in which it waited for work.

    Attributes:
        gpu_s: Seconds at whose end the GPU was still at what it had been handed before them.
        host_s: Seconds at whose end it had done all that.
    """

    def __init__(self) -> None:
        self.gpu_s = 0.0
        self.host_s = 0.0

    @property
    def gpu_bound(self) -> float | None:
        """Share of the time in which the GPU set the pace, 0 to 1; None if nothing was watched."""
        watched = self.gpu_s + self.host_s
        return self.gpu_s / watched if watched else None


@contextmanager
def paced(denoiser: Any, device: torch.device) -> Iterator[Pace]:
    """Watch who sets the pace while a denoiser runs; costs it a little, so not while it is timed.

    To be used on a warm one: the first call waits for kernels to be loaded and chosen.

    The host hands the GPU its work ahead of time. Each block of the denoiser leaves a mark behind
    its work; if the GPU has passed a mark when the host comes to the next one, it had run dry.

    Args:
        denoiser: The module that predicts the noise.
        device: Where it computes; on a CPU nothing is watched.

    Yields:
        What is seen; complete on leaving.
    """
    import torch

    pace = Pace()
    if device.type != "cuda":
        yield pace
        return
    mark = torch.Event(device)
    since = 0.0

    def begun(*_: Any) -> None:
        nonlocal since
        since = 0.0

    def reached(*_: Any) -> None:
        nonlocal since
        now = time.perf_counter()
        if since and now - since < APART_S:
            return
        if since:
            if mark.query():
                pace.host_s += now - since
            else:
                pace.gpu_s += now - since
        mark.record(torch.cuda.current_stream(device))
        since = now

    blocks = {
        block
        for module in denoiser.modules()
        if isinstance(module, torch.nn.ModuleList)
        for block in module
    }
    # A scheduler may wait for the GPU between two steps: that wait is neither's pace.
    hooks = [denoiser.register_forward_pre_hook(begun)]
    hooks += [block.register_forward_hook(reached) for block in blocks]
    try:
        yield pace
    finally:
        for hook in hooks:
            hook.remove()
