"""Tiny pipelines, drawn by kernels that fit them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True, scope="module")
def small_kernels() -> Iterator[None]:
    """Draw without oneDNN, whose set-up takes a quarter of the time of pictures so small."""
    with torch.backends.mkldnn.flags(enabled=False):
        yield
