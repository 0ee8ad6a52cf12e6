from __future__ import annotations

from tests.studies.conftest import quiet_machine

__all__ = ["quiet_machine"]
