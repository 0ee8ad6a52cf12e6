"""Work in pieces, spread over processes that share one device or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from multiprocessing import get_context
from typing import Any, TypeVar

Piece = TypeVar("Piece")
Made = TypeVar("Made")


def add_pool_options(parser: Any) -> None:
    """Let a command line say which devices, how many processes, and for how long."""
    parser.add_argument("--devices", nargs="+", default=["auto"], metavar="DEVICE")
    parser.add_argument("--processes", type=int, default=1, help="spread over the devices")
    parser.add_argument("--seconds", type=float, default=540, help="begin no piece after these")


def made_of(
    pieces: Sequence[Piece],
    make: Callable[[Piece, str], Made],
    devices: Sequence[str],
    processes: int,
) -> Iterator[tuple[Piece, Made]]:
    """Make something from each piece, and yield it as it is finished.

    Args:
        pieces: The pieces, in the order in which they are begun.
        make: Takes a piece and the name of the device to use; found by name in each process.
        devices: Pieces are dealt out to them in turn.
        processes: Number for all devices together; each device gets at least one.
    """
    with ExitStack() as entered:
        # A forked process cannot use CUDA.
        pools = [
            entered.enter_context(
                ProcessPoolExecutor(-(-processes // len(devices)), mp_context=get_context("spawn"))
            )
            for _ in devices
        ]
        begun = {
            pools[at % len(devices)].submit(make, piece, devices[at % len(devices)]): piece
            for at, piece in enumerate(pieces)
        }
        for done in as_completed(begun):
            yield begun[done], done.result()
