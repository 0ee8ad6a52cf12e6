"""The host-bound share: how much of its time a GPU waits for the host that sends it its work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

APART_S = 1e-3
"""Least time between two marks: it holds some 50 launches, far fewer than the thousand or so that
a GPU can queue, and a query costs a hundredth of it."""


class HostBoundShare:
    """How long the GPU had work waiting, and how long it waited for its host.

    Attributes:
        gpu_s: Seconds at whose end the GPU was still busy with the work from before them.
        host_s: Seconds at whose end it had finished that work.
    """

    def __init__(self) -> None:
        self.gpu_s = 0.0
        self.host_s = 0.0

    @property
    def gpu_bound(self) -> float | None:
        """1 minus the host-bound share, 0 to 1; None if nothing was watched."""
        watched = self.gpu_s + self.host_s
        return self.gpu_s / watched if watched else None


@contextmanager
def watch_host(denoiser: Any, device: torch.device) -> Iterator[HostBoundShare]:
    """Watch whether the GPU waits for its host while a denoiser runs.

    Watching slows the denoiser a little, so do not time it meanwhile. Use it on a warm pipeline:
    the first call waits for kernels to be loaded and chosen.

    The host sends the GPU its work ahead of time. Each block of the denoiser leaves a mark behind
    its work; if the GPU has passed a mark when the host reaches the next one, it had run dry.

    Args:
        denoiser: The module that predicts the noise.
        device: Where it computes; on a CPU nothing is watched.

    Yields:
        The observations; complete on leaving.
    """
    import torch

    share = HostBoundShare()
    if device.type != "cuda":
        yield share
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
                share.host_s += now - since
            else:
                share.gpu_s += now - since
        mark.record(torch.cuda.current_stream(device))
        since = now

    blocks = {
        block
        for module in denoiser.modules()
        if isinstance(module, torch.nn.ModuleList)
        for block in module
    }
    # A scheduler may wait for the GPU between two steps: that wait belongs to neither.
    hooks = [denoiser.register_forward_pre_hook(begun)]
    hooks += [block.register_forward_hook(reached) for block in blocks]
    try:
        yield share
    finally:
        for hook in hooks:
            hook.remove()
