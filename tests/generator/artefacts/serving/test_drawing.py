"""Drawing for many with one pipe: after what fails, and beside who gives up."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import torch

from generator.artefacts.serving.drawing import Drawer, FullError, Order, StoppedError, Tier
from tests.accel_space.pipe_state import assert_same_state, pipe_state
from tests.tiny_pipelines import PICTURE_SIZE, tiny_pipeline

SETTINGS = {"guidance_scale": 5.0}


def _tier(name: str, patch: Any = None) -> Tier:
    return Tier(name, name, patch, (1, 2), False, {}, {})


def _order(tier: Tier, seed: int = 0) -> Order:
    return Order(tier, "a red square", "", seed, 3, PICTURE_SIZE, PICTURE_SIZE)


def _failing_once(error: Exception) -> Any:
    """A patch that changes the pipe's UNet, and whose first call fails in its middle."""
    errors = [error]

    def patch(pipe: Any, generate: Any, captures: dict[Any, Any]) -> Any:
        captures["graph"] = "what is captured"
        forward = pipe.unet.forward

        def fail(*args: Any, **kwargs: Any) -> Any:
            if errors:
                raise errors.pop()
            return forward(*args, **kwargs)

        pipe.unet.forward = fail
        return generate

    return patch


@pytest.fixture
def pipe() -> Any:
    return tiny_pipeline("SD1.5", layers_per_block=1)


@pytest.fixture
def drawer(pipe: Any) -> Iterator[Drawer]:
    drawer = Drawer(pipe, SETTINGS, most_waiting=3)
    yield drawer
    drawer.stop()


def _drawn(drawer: Drawer, order: Order) -> Any:
    return np.asarray(drawer.ask(order).result(60).picture)


def test_a_call_that_fails_leaves_nothing_in_the_next_picture(drawer: Drawer) -> None:
    plain, failing = _tier("plain"), _tier("failing", _failing_once(ValueError("odd")))
    before = _drawn(drawer, _order(plain))
    with pytest.raises(ValueError, match="odd"):
        _drawn(drawer, _order(failing))
    assert np.array_equal(_drawn(drawer, _order(plain)), before)
    # The tier itself draws again as well.
    assert np.array_equal(_drawn(drawer, _order(failing)), before)


def test_where_memory_ends_what_is_captured_is_given_up_and_the_picture_drawn(
    drawer: Drawer,
) -> None:
    kept: list[dict[Any, Any]] = []

    def keep(pipe: Any, generate: Any, captures: dict[Any, Any]) -> Any:
        captures["graph"] = "what is captured"
        kept.append(captures)
        return generate

    other = _tier("other", keep)
    before = _drawn(drawer, _order(other))
    full = _tier("full", _failing_once(torch.OutOfMemoryError("no memory")))
    assert np.array_equal(_drawn(drawer, _order(full)), before)
    _drawn(drawer, _order(other))
    assert kept[0] is not kept[1]


def test_who_gives_up_is_passed_over(drawer: Drawer) -> None:
    begun, go = Event(), Event()

    def wait(pipe: Any, generate: Any, captures: dict[Any, Any]) -> Any:
        begun.set()
        go.wait(60)
        return generate

    slow = drawer.ask(_order(_tier("slow", wait)))
    begun.wait(60)
    waiting = [drawer.ask(_order(_tier("plain"), seed)) for seed in range(3)]
    with pytest.raises(FullError):
        drawer.ask(_order(_tier("plain")))
    assert waiting[0].cancel()
    go.set()
    drawn = [future.result(60) for future in (slow, waiting[1], waiting[2])]
    with pytest.raises(CancelledError):
        waiting[0].result()
    # Whoever is left is drawn together.
    assert [(each.batch, each.size) for each in drawn] == [(1, 1), (2, 2), (2, 2)]


def test_stopping_refuses_what_waits_and_gives_the_pipe_back(pipe: Any) -> None:
    before = pipe_state(pipe)
    drawer = Drawer(pipe, SETTINGS, most_waiting=3)
    begun, go = Event(), Event()

    def wait(pipe: Any, generate: Any, captures: dict[Any, Any]) -> Any:
        begun.set()
        go.wait(60)
        return generate

    slow = drawer.ask(_order(_tier("slow", wait)))
    begun.wait(60)
    late = drawer.ask(_order(_tier("plain")))
    stopping = Thread(target=drawer.stop)
    stopping.start()
    while drawer.is_alive:
        pass
    go.set()
    stopping.join(60)
    assert slow.result().picture is not None
    with pytest.raises(StoppedError):
        late.result()
    with pytest.raises(StoppedError):
        drawer.ask(_order(_tier("plain")))
    assert_same_state(pipe_state(pipe), before)
    assert not drawer.is_alive
