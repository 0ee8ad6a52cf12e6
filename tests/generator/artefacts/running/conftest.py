from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.generator.artefacts.running.modules import imported, written_module
from tests.generator.artefacts.running.tiny_trials import load, save_models, tiny_trial


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def pipe(models: dict[str, Path]) -> Any:
    return load("SD1.5", models)


@pytest.fixture
def deepcache(pipe: Any, tmp_path: Path) -> Any:
    return imported(written_module(*tiny_trial(pipe, "SD1.5", ("deepcache",))), tmp_path)


@pytest.fixture
def tgate(pipe: Any, tmp_path: Path) -> Any:
    return imported(written_module(*tiny_trial(pipe, "SD1.5", ("tgate",))), tmp_path)
