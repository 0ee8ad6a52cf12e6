"""The methods as the benchmark of the embedded pipelines applies them: from their libraries.

They do not go through accel_space, so that the two can be compared.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final

import tgate as tgate_library
import tomesd
from DeepCache import DeepCacheSDHelper

INTERVALS: Final = (2, 3, 4, 5)
BRANCHES: Final = (0, 1, 2, 3)
TGATE_LOADERS: Final = {
    "StableDiffusionPipeline": tgate_library.TgateSDLoader,
    "StableDiffusionXLPipeline": tgate_library.TgateSDXLLoader,
    "PixArtAlphaPipeline": tgate_library.TgatePixArtAlphaLoader,
}

Generate = Callable[..., Any]
Applied = Callable[[Any], AbstractContextManager[Generate]]


@contextlib.contextmanager
def plain(pipe: Any) -> Iterator[Generate]:
    """Give the unaccelerated call."""
    yield pipe


@contextlib.contextmanager
def deepcache(pipe: Any, interval: int, branch: int) -> Iterator[Generate]:
    """Apply DeepCache, and remove it again."""
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
    """Apply T-GATE, and remove it again, which the library itself cannot."""
    TGATE_LOADERS[type(pipe).__name__](pipe)
    try:
        yield partial(
            pipe.tgate,
            gate_step=gate,
            sp_interval=self_interval,
            fi_interval=late_interval,
            warm_up=warm_up,
        )
    finally:
        denoiser = pipe.components.get("unet") or pipe.transformer
        for module in denoiser.modules():
            if type(module).__name__ == "Attention":
                module.__dict__.pop("forward", None)
                module.__dict__.pop("cache", None)
        pipe.__dict__.pop("tgate", None)


@contextlib.contextmanager
def tome(pipe: Any, ratio: float, max_downsample: int) -> Iterator[Generate]:
    """Apply token merging without its random choice, and remove it again."""
    tomesd.apply_patch(pipe, ratio=ratio, max_downsample=max_downsample, use_rand=False)
    try:
        yield pipe
    finally:
        tomesd.remove_patch(pipe)


def methods_for(pipe: Any, steps: int) -> dict[str, Applied]:
    """Return settings of every method that does something to the pipeline.

    Args:
        pipe: The pipeline.
        steps: Denoising steps; settings of T-GATE whose gate is not before their end are left out.

    Returns:
        The settings by name: DeepCache interval/branch, T-GATE gate/sp/fi/warm-up, ToMe
        ratio/max_downsample.
    """
    unet = pipe.components.get("unet")
    if unet is None:
        # None of these libraries knows the newer transformers.
        return _tgates(steps) if type(pipe).__name__ in TGATE_LOADERS else {}
    at_full_size = "CrossAttn" in unet.config.down_block_types[0]
    return {**_deepcaches(), **_tgates(steps), **_tomes((1, 2, 4) if at_full_size else (2, 4))}


def _deepcaches() -> dict[str, Applied]:
    return {
        f"deepcache {interval}/{branch}": partial(deepcache, interval=interval, branch=branch)
        for branch in BRANCHES
        for interval in INTERVALS
    }


def _tgates(steps: int) -> dict[str, Applied]:
    gates = [(1, 1, 1, 0), (3, 1, 1, 0), (5, 5, 1, 2), (10, 5, 1, 2), (15, 5, 1, 2), (5, 9, 5, 1)]
    return {
        f"tgate {gate}/{self_interval}/{late_interval}/{warm_up}": partial(
            tgate,
            gate=gate,
            self_interval=self_interval,
            late_interval=late_interval,
            warm_up=warm_up,
        )
        for gate, self_interval, late_interval, warm_up in gates
        if gate < steps
    }


def _tomes(max_downsamples: Iterable[int]) -> dict[str, Applied]:
    return {
        f"tome {ratio}/{max_downsample}": partial(tome, ratio=ratio, max_downsample=max_downsample)
        for max_downsample in max_downsamples
        for ratio in (0.25, 0.5, 0.75)
    }
