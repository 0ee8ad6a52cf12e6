"""The web side of a service: what a request may ask for, and how it gets its pictures.

An emitted service carries this source; of ours it imports other carried code only.
"""

from __future__ import annotations

import asyncio
import io
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from generator.artefacts.serving.drawing import (
    Drawer,
    Drawn,
    FullError,
    Order,
    StoppedError,
    Tier,
)

MOST_LETTERS = 2000
"""Characters of a prompt; a text encoder reads far fewer."""

MOST_BYTES = 2 * 12 * MOST_LETTERS + 1024
"""Of a request: two texts, up to 12 bytes (two escapes) a letter, and the rest."""

SIDE = 16
"""Pixels that a picture's sides must be a multiple of, whatever the model."""

SECONDS_BETWEEN_LOOKS = 1.0
"""Seconds between two checks whether the client is still there."""


class Ask(BaseModel):
    """What a picture should be. Fields left out stay as they were measured."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: str = Field(min_length=1, max_length=MOST_LETTERS)
    negative_prompt: str | None = Field(default=None, max_length=MOST_LETTERS)
    quality: Literal["fast", "balanced", "best"] = "balanced"
    seed: int | None = Field(default=None, ge=0, lt=2**32, description="random by default")
    steps: int | None = Field(default=None, ge=1)
    width: int | None = Field(default=None, ge=SIDE)
    height: int | None = Field(default=None, ge=SIDE)


@dataclass(frozen=True)
class Measured:
    """How all tiers were measured; a request may ask for no more than that.

    Attributes:
        steps: num_inference_steps.
        height: In pixels.
        width: In pixels.
        negative_prompt: Used if a request gives none; None if there is no guidance.
        call: Other arguments of every call.
    """

    steps: int
    height: int
    width: int
    negative_prompt: str | None
    call: Mapping[str, Any]

    def order(self, ask: Ask, tier: Tier) -> Order:
        """Turn a request into an order.

        Raises:
            HTTPException: With 422, if its tier cannot draw that, or it is too much.
        """
        steps = self.steps if ask.steps is None else ask.steps
        height = self.height if ask.height is None else ask.height
        width = self.width if ask.width is None else ask.width
        self._check(tier, {"num_inference_steps": steps, "height": height, "width": width})
        if steps > self.steps:
            raise HTTPException(422, f"steps is at most {self.steps}, not {steps}")
        if (height, width) != (self.height, self.width):
            if height % SIDE or width % SIDE:
                raise HTTPException(422, f"height and width are multiples of {SIDE}")
            if height * width > self.height * self.width:
                most = f"{self.width}x{self.height}"
                raise HTTPException(422, f"a picture has at most as many pixels as {most}")
        if self.negative_prompt is None and ask.negative_prompt:
            raise HTTPException(422, "negative_prompt does nothing here; leave it out")
        own = self.negative_prompt or ""
        negative = own if ask.negative_prompt is None else ask.negative_prompt
        seed = secrets.randbelow(2**32) if ask.seed is None else ask.seed
        return Order(tier, ask.prompt, negative, seed, steps, height, width)

    def _check(self, tier: Tier, asked: Mapping[str, int]) -> None:
        """Refuse what a tier cannot draw."""
        measured = {
            "num_inference_steps": self.steps,
            "height": self.height,
            "width": self.width,
        }
        for name, value in asked.items():
            if name in tier.held and value != measured[name]:
                said = name.replace("num_inference_steps", "steps")
                raise HTTPException(
                    422, f"{said} stays {measured[name]} in quality {tier.name}: {tier.held[name]}"
                )


class SmallBodies:
    """Refuses bodies of more than `MOST_BYTES`, with or without a stated length."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request, as ASGI defines it."""
        taken = 0

        async def receive_some() -> Any:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MOST_BYTES:
                raise HTTPException(413, f"a request has at most {MOST_BYTES} bytes")
            return message

        await self._app(scope, receive_some, send)


def make_app(
    load: Callable[[], Any], tiers: tuple[Tier, ...], measured: Measured, most_waiting: int
) -> FastAPI:
    """Make the web application; its start loads and warms up the pipeline.

    Args:
        load: Loads the plain pipeline.
        tiers: The qualities, by the name that requests use.
        measured: How they were measured.
        most_waiting: How many requests may wait.
    """
    by_name = {tier.name: tier for tier in tiers}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.drawer = await run_in_threadpool(start, load, tiers, measured, most_waiting)
        yield
        await run_in_threadpool(app.state.drawer.stop)

    app = FastAPI(title="accelfront service", lifespan=lifespan)
    app.add_middleware(SmallBodies)

    @app.exception_handler(RequestValidationError)
    async def refuse(_: Request, error: RequestValidationError) -> Response:
        return Response(told(error), 422, media_type="application/json")

    @app.post("/pictures", response_class=Response)
    async def pictures(ask: Ask, request: Request) -> Response:
        """Draw one picture, a PNG; its headers say how it was drawn."""
        order = measured.order(ask, by_name[ask.quality])
        drawn = await draw(request, order)
        return Response(
            await run_in_threadpool(png, drawn.picture),
            media_type="image/png",
            headers={
                "X-Quality": order.tier.name,
                "X-Trial": order.tier.point,
                "X-Seed": str(order.seed),
                "X-Batch": f"{drawn.batch}, {drawn.place + 1} of {drawn.size}",
            },
        )

    @app.get("/tiers")
    def show_tiers() -> dict[str, Any]:
        """The measured figures of each quality."""
        return {tier.name: {"trial": tier.point, **tier.figures} for tier in tiers}

    @app.get("/healthz")
    def health(request: Request, response: Response) -> dict[str, Any]:
        """Whether the service draws; 503 if it does not."""
        drawer: Drawer = request.app.state.drawer
        response.status_code = 200 if drawer.is_alive else 503
        return {"status": "ok" if drawer.is_alive else "stopped", "waiting": drawer.waiting}

    return app


def told(error: RequestValidationError) -> str:
    """What is wrong with a request, as JSON.

    The input is not repeated, as JSON cannot write all that Python reads: NaN, and
    lone surrogates. The name of an unknown field is, escaped and cut short.
    """
    wrong = [
        {
            "type": each["type"],
            "loc": [part[:80] if isinstance(part, str) else part for part in each["loc"]],
            "msg": each["msg"],
        }
        for each in error.errors()
    ]
    return json.dumps({"detail": wrong})


def start(
    load: Callable[[], Any], tiers: tuple[Tier, ...], measured: Measured, most_waiting: int
) -> Drawer:
    """Load the pipeline, and draw with each tier until it is warm."""
    drawer = Drawer(load(), measured.call, most_waiting)
    for tier in tiers:
        drawer.warm_up(measured.order(Ask(prompt="a warm-up", seed=0), tier))
    return drawer


async def draw(request: Request, order: Order) -> Drawn:
    """Queue a picture and wait for it, unless the client goes away.

    Raises:
        HTTPException: With 503 if too many wait or the service is stopping, and with
            500 if the picture could not be drawn.
    """
    drawer: Drawer = request.app.state.drawer
    try:
        future = asyncio.wrap_future(drawer.ask(order))
        while not future.done():
            await asyncio.wait({future}, timeout=SECONDS_BETWEEN_LOOKS)
            if not future.done() and drawer.has_ended:
                raise StoppedError("the service has ended")
            if not future.done() and await request.is_disconnected():
                future.cancel()
                raise HTTPException(499, "who asked for the picture is gone")
        return future.result()
    except FullError as error:
        headers = {"Retry-After": str(error.seconds)}
        raise HTTPException(503, str(error), headers) from error
    except StoppedError as error:
        raise HTTPException(503, str(error), {"Retry-After": "10"}) from error
    except (RuntimeError, ValueError, TypeError) as error:
        # Errors of torch and diffusers; the log has all of it.
        raise HTTPException(500, "the picture could not be drawn") from error


def png(picture: Any) -> bytes:
    """A picture as a PNG file."""
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()
