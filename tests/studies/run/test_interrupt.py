from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from studies.run.interrupt import graceful_interrupt


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["person", "background"])
def handler(request: pytest.FixtureRequest) -> Iterator[Any]:
    """What SIGINT did before: as a shell sets it for a command, and for a background job."""
    before = signal.signal(signal.SIGINT, request.param)
    yield request.param
    signal.signal(signal.SIGINT, before)


def test_the_first_is_noted_the_second_stops_at_once_and_all_is_as_before(handler: Any) -> None:
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt), graceful_interrupt(told.append) as interrupt:
        assert not interrupt.requested
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        assert told == ["finishing the running trial, if there is one; Ctrl-C again stops at once"]
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == handler
