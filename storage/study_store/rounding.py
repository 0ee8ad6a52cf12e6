"""Measurements as they are stored."""

from __future__ import annotations

from typing import Any


def rounded(value: Any) -> Any:
    """A measurement to six digits, which is past what any clock or score can tell."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value
