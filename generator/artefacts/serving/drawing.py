"""Drawing for many users with one pipe, one batch at a time.

An emitted service carries this source; of ours it imports other carried code only.
"""

from __future__ import annotations

import gc
import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import ceil
from threading import Condition, Thread
from time import monotonic
from typing import Any

import torch

from accel_space.handed_over.installing import install


@dataclass(frozen=True)
class Tier:
    """One quality of pictures.

    Attributes:
        name: The name that requests use.
        point: The trial that it applies; tiers of one trial are drawn together.
        patch: Patches a pipe, and returns the call that generates; given the pipe, its plain call,
            and what is captured and kept. None draws with the plain pipe.
        batches: How many pictures are drawn at once, ascending from 1.
        warms_up: Whether the first picture of each batch size takes longer, as it is compiled or
            captured.
        held: What in a request must stay as it was measured, and why.
        figures: The measured figures.
    """

    name: str
    point: str
    patch: Callable[[Any, Any, dict[Any, Any]], Any] | None
    batches: tuple[int, ...]
    warms_up: bool
    held: Mapping[str, str]
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class Order:
    """One requested picture."""

    tier: Tier
    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    height: int
    width: int

    @property
    def kind(self) -> tuple[Any, ...]:
        """Orders of one kind are drawn together."""
        # Without a negative prompt, a pipeline may not encode an empty one.
        negative = bool(self.negative_prompt)
        return (self.tier.point, self.steps, self.height, self.width, negative)


@dataclass(frozen=True)
class Drawn:
    """A picture, the number of the batch it was drawn in, and its place there."""

    picture: Any
    batch: int
    place: int
    size: int


class FullError(Exception):
    """Too many orders wait already; `seconds` says when to ask again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many requests wait; ask again in {seconds} s")
        self.seconds = seconds


class StoppedError(Exception):
    """The service is stopping, and draws nothing more."""


@dataclass
class Drawer:
    """Draws with one pipe in one thread, so that no two threads ever use the pipe.

    Attributes:
        pipe: The diffusers pipeline, plain.
        settings: Arguments of every call, in addition to those of an order.
        most_waiting: How many orders may wait.
    """

    pipe: Any
    settings: Mapping[str, Any]
    most_waiting: int
    _waiting: deque[tuple[Order, Future[Drawn]]] = field(default_factory=deque)
    _changed: Condition = field(default_factory=Condition)
    _captures: dict[str, dict[Any, Any]] = field(default_factory=dict)
    _applied: str = ""
    _undo: Callable[[], None] = lambda: None
    _batch: int = 0
    _seconds_each: float = 1.0
    _stopping: bool = False

    def __post_init__(self) -> None:
        """Begin to draw."""
        self._thread = Thread(target=self._run, name="drawer", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it takes orders."""
        return not self.has_ended and not self._stopping

    @property
    def has_ended(self) -> bool:
        """Whether nothing is ever drawn again, not even orders that wait."""
        return not self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """How many orders wait."""
        return len(self._waiting)

    def ask(self, order: Order) -> Future[Drawn]:
        """Queue a picture to be drawn; a future cancelled before its turn is skipped.

        Raises:
            FullError: If too many wait.
            StoppedError: If the service is stopping.
        """
        future: Future[Drawn] = Future()
        with self._changed:
            if self._stopping:
                raise StoppedError("the service ends")
            if len(self._waiting) >= self.most_waiting:
                raise FullError(max(1, ceil(len(self._waiting) * self._seconds_each)))
            self._waiting.append((order, future))
            self._changed.notify()
        return future

    def warm_up(self, order: Order) -> None:
        """Draw as many of an order as its tier needs to be warm, and wait for them."""
        for size in order.tier.batches if order.tier.warms_up else (1,):
            futures = [Future[Drawn]() for _ in range(size)]
            with self._changed:
                self._waiting.extend((order, future) for future in futures)
                self._changed.notify()
            for future in futures:
                future.result()

    def stop(self) -> None:
        """Finish the current batch, refuse waiting orders, and restore the pipe."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            begun = monotonic()
            self._draw(batch)
            self._seconds_each = (monotonic() - begun) / len(batch)
        for _, future in self._waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(StoppedError("the service ends"))
        self._leave()

    def _next_batch(self) -> list[tuple[Order, Future[Drawn]]]:
        """The longest waiting order and others like it; none if the service is stopping."""
        with self._changed:
            while not self._stopping:
                self._drop_cancelled()
                if self._waiting:
                    first, _ = self._waiting[0]
                    alike = [each for each in self._waiting if each[0].kind == first.kind]
                    size = max(size for size in first.tier.batches if size <= len(alike))
                    for each in alike[:size]:
                        self._waiting.remove(each)
                    return alike[:size]
                self._changed.wait()
        return []

    def _drop_cancelled(self) -> None:
        kept = [each for each in self._waiting if not each[1].cancelled()]
        self._waiting.clear()
        self._waiting.extend(kept)

    def _draw(self, batch: list[tuple[Order, Future[Drawn]]]) -> None:
        """Draw a batch and deliver its pictures, or the reason why there are none."""
        self._batch += 1
        orders = [order for order, _ in batch]
        futures = [future for _, future in batch]
        # From here on the client cannot cancel it.
        wanted = [future.set_running_or_notify_cancel() for future in futures]
        try:
            pictures = self._pictures(orders)
        except Exception as error:
            logging.getLogger("accelfront").exception("batch %d failed", self._batch)
            # What an aborted call leaves behind must not reach the next picture.
            self._leave()
            for future, is_wanted in zip(futures, wanted, strict=True):
                if is_wanted:
                    future.set_exception(error)
            return
        for place, (future, is_wanted) in enumerate(zip(futures, wanted, strict=True)):
            if is_wanted:
                future.set_result(Drawn(pictures[place], self._batch, place, len(batch)))

    def _pictures(self, orders: list[Order]) -> list[Any]:
        try:
            return self._generate(orders)
        except torch.OutOfMemoryError:
            # Captures for other tiers or batches take memory that this one needs.
            self._leave()
            if not any(self._captures.values()):
                raise
            self._captures.clear()
            gc.collect()
            torch.cuda.empty_cache()
        return self._generate(orders)

    def _generate(self, orders: list[Order]) -> list[Any]:
        first = orders[0]
        self._enter(first.tier)
        given: dict[str, Any] = {**self.settings}
        # In some pipelines even an empty one turns the guidance on.
        if first.negative_prompt or "true_cfg_scale" in given:
            given["negative_prompt"] = [order.negative_prompt for order in orders]
        pictures: list[Any] = self.pipe(
            prompt=[order.prompt for order in orders],
            num_inference_steps=first.steps,
            height=first.height,
            width=first.width,
            # On the CPU, so that every device starts from the same noise.
            generator=[torch.Generator("cpu").manual_seed(order.seed) for order in orders],
            output_type="pil",
            **given,
        ).images
        return pictures

    def _enter(self, tier: Tier) -> None:
        """Patch the pipe for a tier."""
        if tier.point == self._applied:
            return
        self._leave()
        patch = tier.patch
        if patch is not None:
            captures = self._captures.setdefault(tier.point, {})
            self._undo = install(self.pipe, lambda pipe, plain: patch(pipe, plain, captures))
        self._applied = tier.point

    def _leave(self) -> None:
        """Make the pipe plain, exactly as it was loaded."""
        self._applied = ""
        self._undo()
