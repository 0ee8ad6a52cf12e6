"""The plan of a benchmark for what a person asked."""

from __future__ import annotations

import sys

from accel_space.errors import RefusedError
from objectives.errors import InputError
from objectives.pipelines.model import Model
from studies.plan import Plan, make_plan
from studies.request import StudyRequest


def asked_plan(request: StudyRequest, given: Model | None = None) -> Plan:
    """Plan a study, or one of a model in memory; if it cannot be, say why and exit with 2."""
    try:
        return make_plan(request, given)
    except (InputError, RefusedError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
