"""Ctrl-C: the first one ends a study after its running trial, the second one at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether a person asked to stop."""

    requested = False


@contextmanager
def graceful_interrupt() -> Iterator[Interrupt]:
    """Note the first SIGINT; a second one raises KeyboardInterrupt as usual.

    Off the main thread, where Python delivers no signals, nothing is ever noted.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    previous = signal.getsignal(signal.SIGINT)

    def note(signum: int, frame: FrameType | None) -> None:
        interrupt.requested = True
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, previous)
