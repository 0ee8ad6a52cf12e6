"""Emitted modules of tiny trials, imported here."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

from generator.artefacts.module import render_module
from generator.artefacts.source import Source
from storage.records.study import Study
from storage.records.trial import Trial
from tests.made_records import changed


def written_module(study: Study, trial: Trial) -> str:
    # Measured where it is drawn: there is nothing to warn of.
    here = changed(trial, measurement=changed(trial.measurement, peak_memory_mib=None))
    return render_module(study, here, Source("a/model"))


def imported(text: str, folder: Path) -> Any:
    path = folder / "fast.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("fast", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told_by(act: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    return [str(each.message) for each in caught if each.category is UserWarning]
