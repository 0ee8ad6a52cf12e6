"""The work of a denoiser's calls, in floating-point operations, as they are made."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from torch.utils.flop_counter import FlopCounterMode

from accel_space.handed_over.installing import restored
from accel_space.method import Params
from accel_space.stack import Stack

Kinds = list[Hashable]


class Work:
    """Counts the work of the calls of one stack's points.

    torch counts at a third of the speed, so each kind of call of a static method is counted once:
    calls that leave out the same take the same. If a cache decides at run time, every call is
    throughout.
    """

    def __init__(self, stack: Stack) -> None:
        """Begin without any kind of call; all calls must be of one batch size."""
        self._stack = stack
        self._known: dict[Hashable, float] = {}
        self.flops = 0.0
        """The count since a pipe was last entered."""

    @contextmanager
    def counted(self, pipe: Any, params: Params | None = None) -> Iterator[Any]:
        """Accelerate a pipe by a point, or not at all, and count its denoiser's work.

        Yields:
            The call that generates.
        """
        self.flops = 0.0
        if params is None:
            with restored(pipe):
                self._count(pipe, [()] * self._stack.context.calls)
                yield pipe
            return
        with self._stack.applied(pipe, params) as generate:
            self._count(pipe, self._kinds(params))
            yield generate

    def _kinds(self, params: Params) -> Kinds:
        """The work that each call leaves out; no kinds if that is decided at run time."""
        if any(method.has_hit is not None for method in self._stack.methods):
            return []
        skips = self._stack.schedule(params).skips
        return [
            tuple((name, shares[call]) for name, shares in skips.items() if shares[call])
            for call in range(self._stack.context.calls)
        ]

    def _count(self, pipe: Any, kinds: Kinds) -> None:
        """Count until the pipe is restored."""
        denoiser = self._stack.context.family.denoiser_of(pipe)
        forward, left = denoiser.forward, iter(kinds)

        @wraps(forward)
        def counting(*args: Any, **kwargs: Any) -> Any:
            kind = next(left, None)
            if kind is not None and kind in self._known:
                self.flops += self._known[kind]
                return forward(*args, **kwargs)
            with FlopCounterMode(display=False) as counter:
                made = forward(*args, **kwargs)
            flops = counter.get_total_flops()
            self.flops += flops
            if kind is not None:
                self._known[kind] = flops
            return made

        denoiser.forward = counting
