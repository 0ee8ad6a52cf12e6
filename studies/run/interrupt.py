"""Ctrl-C: the first one ends a study after its running trial, the second one at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether a person asked to stop."""

    requested = False


@contextmanager
def graceful_interrupt(tell: Callable[[str], None]) -> Iterator[Interrupt]:
    """Note the first SIGINT; a second one raises KeyboardInterrupt as usual.

    Off the main thread, where Python delivers no signals, nothing is ever noted.

    Args:
        tell: Told in words that the first one was noted.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    previous = signal.getsignal(signal.SIGINT)

    # A script's background job is started deaf to it; whoever sends it one means it.
    second = signal.default_int_handler if previous == signal.SIG_IGN else previous

    def note(signum: int, frame: FrameType | None) -> None:
        interrupt.requested = True
        signal.signal(signal.SIGINT, second)
        tell("finishing the running trial; Ctrl-C again stops at once")

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, previous)
