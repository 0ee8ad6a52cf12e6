"""A service of a tiny pipeline, started as its head says, and what it is to draw."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import numpy as np
import torch
from PIL import Image

from accel_space.stack import Stack
from generator.artefacts.serving.service import qualities, render_service, service_name
from generator.artefacts.source import Source
from generator.choice import Choice
from storage.records.study import Study
from tests.generator.artefacts.running.tiny_trials import load, stack_of
from tests.generator.made_trials import made_study
from tests.made_records import changed, made_point
from tests.tiny_pipelines import PICTURE_SIZE, save_tiny

FAMILY = "SD1.5"

METHODS = ("deepcache", "tgate", "tome")

STEPS = 8
"""Each of the gates leaves a step behind it."""

POINTS = [(2, 5), (3, 6), (4, 7)]
"""Intervals and gates, of which each is faster than the one before and loses more."""

LOSSES = (0.001, 0.015, 0.061)
"""Of a budget of 2%: surely inside it, inside it by the mean alone, and outside."""

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def made_points() -> Study:
    """A study on a CPU with an answer, a bolder point, and one beyond the budget."""
    [first, *_] = points = [
        {
            "deepcache.cache_interval": interval,
            "deepcache.cache_branch_id": 0,
            "tgate.gate_step": gate,
            "tgate.sp_interval": 1,
            "tgate.fi_interval": 1,
            "tgate.warm_up": 0,
            "tome.ratio": 0.5,
            "tome.max_downsample": 1,
        }
        for interval, gate in POINTS
    ]
    study, _ = made_study(
        FAMILY,
        METHODS,
        first,
        steps=STEPS,
        guidance_scale=5.0,
        height=PICTURE_SIZE,
        width=PICTURE_SIZE,
        batch_size=4,
        dtype="float32",
    )
    trials = [
        made_point(number, point, 1.5 + 0.5 * number, loss)
        for number, (point, loss) in enumerate(zip(points, LOSSES, strict=True))
    ]
    return changed(study, trials=trials)


@dataclass(frozen=True)
class Place:
    """A service's file, and what it was written from."""

    path: Path
    model: Path
    study: Study


def make_place(folder: Path) -> Place:
    model = save_tiny(FAMILY, folder / "tiny", layers_per_block=1)
    study = made_points()
    choice = Choice(study, study.trials[0], study.budgets)
    path = folder / service_name(study, choice.trial)
    path.write_text(render_service(choice, Source(str(model), variant="fp16")), encoding="utf-8")
    return Place(path, model, study)


@contextmanager
def running(
    place: Place, *options: str, program: Sequence[str] = ()
) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """Start the service, on a port that is free; it is killed on leaving.

    Args:
        place: The service.
        options: Options of it.
        program: What is started; nothing is the service's file.
    """
    started = program or ("-P", str(place.path))
    command = [sys.executable, *started, "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = _address(process)
            # A service whose log nobody reads stops once the pipe is full.
            Thread(target=_read_on, args=[process], daemon=True).start()
            yield httpx.Client(base_url=address, timeout=120), process
        finally:
            process.kill()


def _read_on(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    with suppress(ValueError):
        # It is closed in the end.
        for _ in process.stderr:
            pass


def _address(process: subprocess.Popen[str]) -> str:
    said = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
            return found[1]
    raise AssertionError("".join(said))


def pixels(answer: httpx.Response) -> Pixels:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


class Expected:
    """What the trials of a study draw, each in a stack of its own."""

    def __init__(self, place: Place) -> None:
        self._pipe = load(FAMILY, {FAMILY: place.model})
        self._stack: Stack = stack_of(self._pipe, METHODS, STEPS)
        study = place.study
        choice = Choice(study, study.trials[0], study.budgets)
        self._trials = {each.name: each.trial for each in qualities(choice)}

    def together(self, asked: Sequence[Mapping[str, Any]]) -> list[Pixels]:
        """The pictures of some requests of one quality, drawn together."""
        trial = self._trials[asked[0]["quality"]]
        if trial is None:
            return self._draw(self._pipe, asked)
        with self._stack.applied(self._pipe, trial.params) as generate:
            return self._draw(generate, asked)

    def _draw(self, generate: Any, asked: Sequence[Mapping[str, Any]]) -> list[Pixels]:
        first = asked[0]
        negative = [each["negative_prompt"] for each in asked if each.get("negative_prompt")]
        pictures = generate(
            prompt=[each["prompt"] for each in asked],
            **({"negative_prompt": negative} if negative else {}),
            num_inference_steps=first.get("steps", STEPS),
            guidance_scale=5.0,
            height=PICTURE_SIZE,
            width=PICTURE_SIZE,
            generator=[torch.Generator().manual_seed(each["seed"]) for each in asked],
            output_type="pil",
        ).images
        return [np.asarray(picture) for picture in pictures]
