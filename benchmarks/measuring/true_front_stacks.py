"""The stacks that true_front.py studies, and the points that it measures of each first."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, NamedTuple

from accel_space.applying import find_methods
from accel_space.errors import RefusedError
from accel_space.methods.mag_cache import MagCache
from accel_space.stack import Stack
from objectives.pipelines.catalogue import PIPELINES
from storage.database.baselines import keep_learned
from storage.database.opening import Store
from storage.records.trial import Point
from studies.plan import Plan
from studies.run.opening import learned_key


class Asked(NamedTuple):
    """A stack to study: its methods, and how many points; None takes `--trials`."""

    methods: tuple[str, ...]
    trials: int | None = None

    @classmethod
    def read(cls, words: str) -> Asked:
        """Read text such as `deepcache,cuda_graph:12`; argparse reports what cannot be used."""
        names, colon, trials = words.partition(":")
        try:
            methods = tuple(method.name for method in find_methods(names.split(",")))
        except RefusedError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        if colon and (not trials.isdecimal() or int(trials) < 1):
            raise argparse.ArgumentTypeError(f"{words}: after the colon stands a number of trials")
        return cls(methods, int(trials) if colon else None)

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "+".join(self.methods)

    def is_in(self, found: Mapping[str, Any]) -> bool:
        """Whether a file's entry of the stack has all points that are asked for by number."""
        trials = len(found.get("trials", []))
        return self.trials is not None and trials >= min(self.trials, found.get("distinct", 1))


SHORT = 4
"""Trials of a stack that only serves for comparison."""

UNET_STACKS = (
    "cuda_graph",
    "compile,cuda_graph",
    "deepcache,compile,cuda_graph",
    "deepcache,cfg_cutoff,compile,cuda_graph",
    f"deepcache:{SHORT}",
    f"deepcache,cfg_cutoff:{SHORT}",
    f"fewer_steps:{SHORT}",
)
TRANSFORMER_STACKS = (
    "step_cache,compile,cuda_graph:3",
    "mag_cache,compile,cuda_graph:3",
    "fewer_steps:1",
    "taylorseer,compile,cuda_graph:2",
    "step_cache:1",
    "pab:1",
    "cfg_cutoff:1",
    "mag_cache:1",
    "step_cache,cfg_cutoff,compile,cuda_graph:2",
    "taylorseer:1",
    "cuda_graph:1",
    "first_block_cache:1",
    "compile,cuda_graph:1",
)
"""The most telling first, as a large model takes half a minute per trial. The study of a stack with
lossless methods begins with their own point, so compiled and captured execution comes with the
caches. A dynamic cache may take many points until one hits."""

BESIDE: Mapping[str, Point] = {
    # A quarter of the calls, and more of them early, where a picture is decided.
    "step_cache": {"step_cache.interval": 4.0, "step_cache.power": 1.5},
    # vLLM-Omni's default; the nearest threshold that the study learns is measured.
    "mag_cache": {
        "mag_cache.threshold": 0.24,
        "mag_cache.max_skip_steps": 5,
        "mag_cache.retention_ratio": 0.1,
    },
}
"""A second point of a method beside its default one."""


def default_stacks(pipeline: str) -> list[Asked]:
    """The stacks of a pipeline if a person names none."""
    is_unet = PIPELINES[pipeline].family.values.denoiser == "unet"
    return list(map(Asked.read, UNET_STACKS if is_unet else TRANSFORMER_STACKS))


def first_points(stack: Stack) -> list[Point]:
    """The defaults of a stack, and those with a method's second point in them.

    They are not canonical: only what a study learns shows which of them do the same.
    """
    default = {name: choices.default for name, choices in stack.space.items()}
    beside = [BESIDE[method.name] for method in stack.methods if method.name in BESIDE]
    return [default, *({**default, **point} for point in beside)]


def know_published(plan: Plan, store: Store) -> None:
    """Let FLUX.1-dev with random weights leave out the calls that the real one would.

    MagCache would learn the ratios of random weights; those of the real ones are published.
    """
    if plan.entry.name == "FLUX.1-dev" and MagCache.name in plan.combination.methods:
        published = MagCache().assumed(plan.stack.context.calls)
        keep_learned(store.engine, learned_key(plan, MagCache.name), published)
