"""CUDA graphs without a GPU: what a CPU computes while one is captured is computed again.

As a CUDA graph does, a recorded one reads and writes the tensors of its capture, and runs none of
the Python around them. It allows what waits for the GPU, which a CUDA graph does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from accel_space.captures import tensors_of


class RecordedGraph(TorchDispatchMode):
    """Stands in for `torch.cuda.CUDAGraph`."""

    def __init__(self) -> None:
        super().__init__()
        self.launched: list[tuple[Any, Any, Any, Any]] = []
        self.replays = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        self.launched.append((function, args, kwargs or {}, output))
        return output

    def replay(self) -> None:
        """Compute all again; the first replay follows the capture, which computed it here."""
        self.replays += 1
        for function, args, kwargs, output in self.launched if self.replays > 1 else ():
            anew = function(*args, **kwargs)
            for held, computed in zip(tensors_of([output]), tensors_of([anew]), strict=True):
                # Views, and what is written in place, are there already.
                if held.data_ptr() != computed.data_ptr():
                    held.copy_(computed)


@contextmanager
def _recording(graph: RecordedGraph, *_: Any, **__: Any) -> Iterator[None]:
    with graph:
        yield


def record_graphs(patch: pytest.MonkeyPatch) -> None:
    """Let accelfront capture on the CPU."""
    empty_like = torch.empty_like

    def on_the_cpu(tensor: torch.Tensor, **_: Any) -> torch.Tensor:
        return empty_like(tensor)

    for name, stand_in in {
        "CUDAGraph": RecordedGraph,
        "graph": _recording,
        "graph_pool_handle": lambda: None,
        "device": lambda _: nullcontext(),
        "get_rng_state": lambda: None,
        "set_rng_state": lambda _: None,
    }.items():
        patch.setattr(torch.cuda, name, stand_in)
    patch.setattr(torch, "empty_like", on_the_cpu)
