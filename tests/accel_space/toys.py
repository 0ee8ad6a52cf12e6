"""Methods for the tests: one that decides while running, and one that changes the time alone."""

from __future__ import annotations

from math import log
from typing import Any

from accel_space.method import Choices, Context, Generate, Method, Params, Space
from accel_space.schedule import Dynamic, Lossless


class Toy(Method):
    """Applies nothing."""

    words = ()

    @staticmethod
    def accelerate(pipe: Any, generate: Generate) -> Generate:
        return generate

    def why_not(self, context: Context) -> str | None:
        return None


class Decides(Toy):
    name = "decides"
    title = "Decides"

    def space(self, context: Context) -> Space:
        # A warm-up of more steps than there are is that of all steps.
        return {
            "level": Choices((0.05, 0.1, 0.4), default=0.1),
            "warm_up_steps": Choices((1, 2, 100, 200), default=1),
        }

    def schedule(self, params: Params, context: Context) -> Dynamic:
        warm_up = min(params["warm_up_steps"], context.steps)
        return Dynamic({"level": log(params["level"]), "warm_up": warm_up})


class Captures(Toy):
    name = "captures"
    title = "Captures"

    def space(self, context: Context) -> Space:
        return {"mode": Choices((0, 1, 2), default=0)}

    def schedule(self, params: Params, context: Context) -> Lossless:
        return Lossless({"mode": params["mode"]})


class CapturesOnce(Captures):
    """Without a choice, so that there is nothing to learn from."""

    name = "captures_once"

    def space(self, context: Context) -> Space:
        return {}

    def schedule(self, params: Params, context: Context) -> Lossless:
        return Lossless()


TOYS: tuple[Method, ...] = (Decides(), Captures(), CapturesOnce())
