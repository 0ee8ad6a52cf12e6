from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.storage.stub_loader import REQUEST
from studies.plan import Plan, make_plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(replace(REQUEST, trials=8, loss_budget=0.02))
