"""What a misspelt name may have meant, and what it did not."""

from __future__ import annotations

import pytest

from storage.spelling import likely

NAMES = ("deepcache", "tome", "pab", "SD1.5", "SD2.1", "SDXL", "EulerDiscreteScheduler",
         "EulerAncestralDiscreteScheduler", "EDMEulerScheduler", "trials", "pipelines")  # fmt: skip


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("DeepCach", "deepcache"),
        ("deep_cahce", "deepcache"),
        ("sd15", "SD1.5"),
        ("SD2", "SD2.1"),
        ("SDXL1", "SDXL"),
        ("trails", "trials"),
        ("pipeline", "pipelines"),
        ("euler", "EulerDiscreteScheduler"),
        ("EulerDiscretScheduler", "EulerDiscreteScheduler"),
        ("TeaCache", None),
        ("delta-cache", None),
        ("ToMA", None),
        ("PAG", None),
        ("SD3.5", None),
        ("SD1.4", None),
        ("FLUX", None),
        ("", None),
        ("x" * 2000, None),
    ],
)
def test_a_slip_is_told_and_another_name_is_not(given: str, meant: str | None) -> None:
    assert likely(given, NAMES) == meant
