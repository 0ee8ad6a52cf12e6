from __future__ import annotations

import platform

import pytest
import torch

from accel_space.methods import METHODS
from objectives.environment import LIBRARIES, this_environment
from objectives.errors import InputError
from objectives.timing.device import device_name
from storage.records.environment import Environment, version_drift


def test_environment_names_the_device_and_every_version() -> None:
    cpu = torch.device("cpu")
    environment = this_environment(cpu, [METHODS["pab"], METHODS["tome"]])
    assert environment.device == device_name(cpu)
    assert environment.versions.keys() == {"python", "driver", "tomesd", *LIBRARIES}
    assert environment.versions["python"] == platform.python_version()
    assert torch.__version__.startswith(environment.versions["torch"])
    assert Environment(**environment.model_dump()) == environment


def test_a_method_whose_library_is_missing_is_refused_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(METHODS["pab"], "library", "no-such-library", raising=False)

    with pytest.raises(InputError, match=r"pab needs .* pip install no-such-library"):
        this_environment(torch.device("cpu"), [METHODS["pab"]])


def test_equal_versions_have_not_drifted() -> None:
    versions = this_environment(torch.device("cpu")).versions
    assert version_drift(versions, dict(versions)) == []


def test_drift_lists_what_changed_and_came_of_what_is_used() -> None:
    before = {"python": "3.11.7", "torch": "2.11.0", "tgate": "1.0.0", "driver": ""}
    now = {"torch": "2.12.0", "python": "3.11.7", "driver": "570.1", "tomesd": "0.1.3"}
    assert version_drift(before, now) == [
        "torch 2.11.0 -> 2.12.0",
        "driver none -> 570.1",
        "tomesd none -> 0.1.3",
    ]
