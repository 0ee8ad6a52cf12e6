from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generator.artefacts.emit import Emitter
from generator.choice import Rules, Scope
from storage.database.opening import Store, open_store
from storage.records.study import Study
from tests.generator.artefacts.made_emitters import NOT_ASKED, FoundAt, MakeEmitter, put


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/a.db", create=True)
    yield store
    store.engine.dispose()


@pytest.fixture
def make_emitter(store: Store, tmp_path: Path) -> MakeEmitter:
    def make(*studies: Study, search: FoundAt | None = None, **changes: Any) -> Emitter:
        emitter = Emitter(
            store=store,
            studies={study.name: study for study in studies},
            scope=Scope(re.compile("a CPU")),
            rules=Rules(),
            search=search or NOT_ASKED,
            put=put,
            out=tmp_path,
            search_missing=search is not None,
        )
        return replace(emitter, **changes)

    return make
