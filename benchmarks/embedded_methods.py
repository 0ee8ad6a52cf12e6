"""The methods as the benchmark of tiny-shapes applies them: straight from their libraries.

Not through accel_space, so that the two can be held against each other.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final

import tomesd
from DeepCache import DeepCacheSDHelper
from tgate import TgateSDLoader

INTERVALS: Final = (2, 3, 4, 5)
BRANCHES: Final = (0, 1, 2, 3)

Generate = Callable[..., Any]
Applied = Callable[[Any], AbstractContextManager[Generate]]


@contextlib.contextmanager
def plain(pipe: Any) -> Iterator[Generate]:
    """Give the unaccelerated call."""
    yield pipe


@contextlib.contextmanager
def deepcache(pipe: Any, interval: int, branch: int) -> Iterator[Generate]:
    """Apply DeepCache, and take it off again."""
    helper = DeepCacheSDHelper(pipe=pipe)
    helper.set_params(cache_interval=interval, cache_branch_id=branch)
    helper.enable()
    try:
        yield pipe
    finally:
        helper.disable()


@contextlib.contextmanager
def tgate(
    pipe: Any, gate: int, self_interval: int, late_interval: int, warm_up: int
) -> Iterator[Generate]:
    """Apply T-GATE, and take it off again, which the library itself cannot."""
    TgateSDLoader(pipe)
    try:
        yield partial(
            pipe.tgate,
            gate_step=gate,
            sp_interval=self_interval,
            fi_interval=late_interval,
            warm_up=warm_up,
        )
    finally:
        for module in pipe.unet.modules():
            if type(module).__name__ == "Attention":
                module.__dict__.pop("forward", None)
                module.__dict__.pop("cache", None)
        pipe.__dict__.pop("tgate", None)


@contextlib.contextmanager
def tome(pipe: Any, ratio: float, max_downsample: int) -> Iterator[Generate]:
    """Apply token merging without its random choice, and take it off again."""
    tomesd.apply_patch(pipe, ratio=ratio, max_downsample=max_downsample, use_rand=False)
    try:
        yield pipe
    finally:
        tomesd.remove_patch(pipe)


def deepcache_grid() -> dict[str, Applied]:
    """Return DeepCache at every interval and branch."""
    return {
        f"deepcache {interval}/{branch}": partial(deepcache, interval=interval, branch=branch)
        for branch in BRANCHES
        for interval in INTERVALS
    }


def other_methods(steps: int) -> dict[str, Applied]:
    """Return some settings of T-GATE (gate/sp/fi/warm-up) and ToMe (ratio/max_downsample)."""
    gates = [(1, 1, 1, 0), (3, 1, 1, 0), (5, 5, 1, 2), (10, 5, 1, 2), (15, 5, 1, 2), (5, 9, 5, 1)]
    methods: dict[str, Applied] = {}
    for gate, self_interval, late_interval, warm_up in gates:
        if gate < steps:
            methods[f"tgate {gate}/{self_interval}/{late_interval}/{warm_up}"] = partial(
                tgate,
                gate=gate,
                self_interval=self_interval,
                late_interval=late_interval,
                warm_up=warm_up,
            )
    for max_downsample in (1, 2, 4):
        for ratio in (0.25, 0.5, 0.75):
            name = f"tome {ratio}/{max_downsample}"
            methods[name] = partial(tome, ratio=ratio, max_downsample=max_downsample)
    return methods
