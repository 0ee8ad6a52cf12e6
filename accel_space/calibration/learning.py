"""What methods learn from a plain pipe before a study begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accel_space.handed_over.installing import restored
from accel_space.method import Learned
from accel_space.stack import Stack


def learners(stack: Stack) -> list[str]:
    """The names of a stack's methods that learn something."""
    return [method.name for method in stack.methods if method.learn is not None]


def learned_from(stack: Stack, pipe: Any, draw: Callable[[], object]) -> dict[str, Learned]:
    """Let the methods of a stack learn from a plain pipe, and restore the pipe exactly.

    Args:
        stack: The stack.
        pipe: The diffusers pipeline.
        draw: Draws a batch with the pipe, without acceleration.

    Returns:
        What each of the stack's `learners` has learned.
    """
    found = {}
    for method in stack.methods:
        if method.learn is not None:
            with restored(pipe):
                found[method.name] = method.learn(stack.context.family.denoiser_of(pipe), draw)
    return found
