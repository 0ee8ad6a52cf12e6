"""CUDA graphs: each call of the denoiser is captured once, then launched as one piece."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import MethodType, SimpleNamespace
from typing import Any

from accel_space.captures import (
    begin_generation,
    capture_call,
    new_capture,
    random_states,
    replay_call,
    with_own_lists,
)
from accel_space.method import Context, Method, Params, Space
from accel_space.schedule import Lossless

MOST_CAPTURES = 4
"""Captures kept per pipe, each with its memory. Every batch size, picture size, number of steps
and length of prompts needs its own. The least recently used one goes first."""


def apply_cuda_graph(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    generators: list[Callable[[Any], list[Any]]],
    captures: dict[Any, Any] | None = None,
) -> Callable[..., Any]:
    """Capture all denoiser calls of a shape's first generation, and replay them later.

    The methods below make their Python decisions during the capture, and a call leaves
    its results where the graphs of later calls read them. One generation at a time.
    """
    from threading import Lock

    import torch

    module = getattr(pipe, denoiser)
    kept = {} if captures is None else captures
    lock = Lock()
    logger = logging.getLogger("accelfront")
    run = SimpleNamespace(calls=0, key=None, capturing=None, replaying=None)
    inner = type(module)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        inputs = (args, kwargs)
        if run.calls == 0:
            begin_generation(run, kept, pipe.scheduler, module, generators, inputs)
        if run.replaying is not None:
            output = replay_call(run.replaying, run.calls, inputs)
        elif run.capturing is not None:
            forward = MethodType(inner.__call__, self)
            output = capture_call(run.capturing, forward, pipe.scheduler, inputs)
        else:
            output = inner.__call__(self, *args, **kwargs)
        run.calls += 1
        return output

    def generate_once(*args: Any, **kwargs: Any) -> Any:
        run.calls, run.replaying, module.replays = 0, None, False
        given, named = with_own_lists(args, kwargs)
        try:
            return generate(*given, **named)
        finally:
            module.replays = False

    def generate_captured(*args: Any, **kwargs: Any) -> Any:
        with lock, torch.cuda.device(module.device):
            random = random_states(kwargs.get("generator"))
            pictures = generate_once(*args, **kwargs)
            if run.replaying is not None:
                kept[run.key] = kept.pop(run.key)
                return pictures
            # That was the warm-up: kernels are loaded and chosen, and blocks compiled.
            logger.info("capturing %d calls of the denoiser", run.calls)
            for restore, state in random:
                restore(state)
            while len(kept) >= MOST_CAPTURES:
                kept.pop(next(iter(kept)))
            run.capturing = new_capture()
            try:
                generate_once(*args, **kwargs)
                kept[run.key] = run.capturing
            finally:
                run.capturing = None
            return pictures

    module.__class__ = type(inner.__name__, (inner,), {"__call__": call})
    return generate_captured


class CudaGraph(Method):
    """Launch each call of the denoiser as one CUDA graph, so that the GPU never waits for the host.

    Pictures stay equal bit for bit. It has no parameters.
    """

    name = "cuda_graph"
    title = "CUDA graphs"
    words = ("CUDA graphs", "CUDA graph", "cuda_graph", "cudagraph", "CUDA 图")
    place = "last"
    is_lossless = True
    needs_gpu = True
    static_only = (
        "a graph is captured once, and this cache decides anew at every call what to compute"
    )
    accelerate = staticmethod(apply_cuda_graph)

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if context.device == "cpu":
            return (
                "cuda_graph captures what a GPU is given to do, and the device is cpu; leave it "
                "out, or give --device cuda"
            )
        return None

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        return {}

    def schedule(self, params: Params, context: Context) -> Lossless:
        """See `Method.schedule`."""
        return Lossless()

    def why_not_pipe(self, pipe: Any) -> str | None:
        """See `Method.why_not_pipe`: graphs would read weights that offload has moved away."""
        if getattr(pipe, "_all_hooks", None):
            return (
                "cuda_graph cannot work on a pipeline with CPU offload; "
                "call pipe.remove_all_hooks() first"
            )
        return None
