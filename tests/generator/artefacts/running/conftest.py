from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.generator.artefacts.running.modules import imported, written_module
from tests.generator.artefacts.running.tiny_trials import (
    Drawn,
    Render,
    drawn_with,
    load,
    save_models,
    tiny_trial,
)
from tests.tiers.covering import selected


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def drawn_by(
    models: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Callable[[Render], Drawn]:
    """Draws with the artefacts of the cells that this run has selected from the file."""

    def draw_all(render: Render) -> Drawn:
        folder = tmp_path_factory.mktemp("artefacts")
        return drawn_with(render, models, folder, selected(request, "family", "names"))

    return draw_all


@pytest.fixture
def pipe(models: dict[str, Path]) -> Any:
    return load("SD1.5", models)


@pytest.fixture
def deepcache(pipe: Any, tmp_path: Path) -> Any:
    return imported(written_module(*tiny_trial(pipe, "SD1.5", ("deepcache",))), tmp_path)


@pytest.fixture
def tgate(pipe: Any, tmp_path: Path) -> Any:
    return imported(written_module(*tiny_trial(pipe, "SD1.5", ("tgate",))), tmp_path)
