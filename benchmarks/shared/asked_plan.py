"""The plan of what a person asked a benchmark for."""

from __future__ import annotations

import sys

from accel_space.errors import RefusedError
from objectives.errors import InputError
from studies.plan import Plan, make_plan
from studies.request import StudyRequest


def asked_plan(request: StudyRequest) -> Plan:
    """Plan a study; where that cannot be, say why in one line and exit with 2."""
    try:
        return make_plan(request)
    except (InputError, RefusedError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
