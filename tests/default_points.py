"""The default of a stack, without a look through its grid."""

from __future__ import annotations

from accel_space.method import Value
from accel_space.stack import Stack


def default_of(stack: Stack) -> dict[str, Value]:
    """What `Stack.default` does, which names it by the first point of the grid that does the same.

    To find that takes a tenth of a second and more, and a picture of a tiny pipe takes no longer.
    """
    return {name: choices.default for name, choices in stack.space.items()}
