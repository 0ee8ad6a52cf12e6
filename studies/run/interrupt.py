"""Ctrl-C: the first one ends a study after its running trial, the second one ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """A flag that a person asked to stop."""

    requested = False


@contextmanager
def graceful_interrupt(tell: Callable[[str], None]) -> Iterator[Interrupt]:
    """Note the first SIGINT; a second one raises KeyboardInterrupt as usual.

    Python delivers no signals outside the main thread, so nothing is noted there.

    Args:
        tell: Called with a message when the first one is noted.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    previous = signal.getsignal(signal.SIGINT)

    # A shell starts a script's background jobs with SIGINT ignored; whoever sends one means it.
    second = signal.default_int_handler if previous == signal.SIG_IGN else previous

    def note(signum: int, frame: FrameType | None) -> None:
        interrupt.requested = True
        signal.signal(signal.SIGINT, second)
        tell("finishing the running trial, if there is one; Ctrl-C again stops at once")

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, previous)
