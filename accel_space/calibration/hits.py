"""How often caches that decide at run time reuse what they keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from accel_space.method import Method


@dataclass
class Hits:
    """The hits over any number of generations.

    Attributes:
        calls: Denoiser calls of stacks with such a cache.
        reused: The calls among them in which a cache reused something.
    """

    calls: int = 0
    reused: int = 0

    @property
    def share(self) -> float | None:
        """The share of the calls that reused something; None if no cache decides at run time."""
        return self.reused / self.calls if self.calls else None

    def count(self, methods: Iterable[Method], denoiser: Any) -> None:
        """Count from now on, until the denoiser's hooks are restored.

        Args:
            methods: The methods that are applied to the denoiser.
            denoiser: The module that predicts the noise.
        """
        deciding = [method for method in methods if method.has_hit is not None]

        def note(*_: Any) -> None:
            self.calls += 1
            self.reused += any(method.has_hit(denoiser) for method in deciding if method.has_hit)

        if deciding:
            denoiser.register_forward_hook(note)
