"""An emitted service, started: what it draws for many at once, and what it refuses."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import HTTPException

from generator.artefacts.serving.drawing import Tier
from generator.artefacts.serving.service import qualities, render_service, service_name
from generator.artefacts.serving.web import Ask, Measured
from generator.artefacts.source import Source
from generator.choice import Choice
from tests.generator.artefacts.made_emitters import make_study
from tests.generator.artefacts.serving.served import (
    STEPS,
    Expected,
    Place,
    make_place,
    pixels,
    running,
)
from tests.generator.made_trials import catalogue_trials, made_study
from tests.tiny_pipelines import PICTURE_SIZE

QUALITIES = ("fast", "balanced", "best")

PROMPTS = ("a red square", "two blue circles", "a green star above a ring")

KINDS: list[dict[str, Any]] = [
    {"prompt": prompt, "quality": quality, "seed": seed, **more}
    for quality in QUALITIES
    for seed, prompt in enumerate(PROMPTS)
    for more in ({}, {"negative_prompt": "a yellow ring"})
] + [{"prompt": PROMPTS[0], "quality": "best", "seed": 7, "steps": 5}]

CLIENTS = 12


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def expected(place: Place) -> Expected:
    return Expected(place)


@pytest.fixture(scope="module")
def service(place: Place) -> Iterator[httpx.Client]:
    with running(place) as (client, _):
        yield client


def _ask(client: httpx.Client, asked: dict[str, Any]) -> httpx.Response:
    return client.post("/pictures", json=asked)


def _ask_all(
    client: httpx.Client, asked: list[dict[str, Any]]
) -> list[tuple[dict[str, Any], httpx.Response]]:
    """Ask for pictures, many at a time."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(zip(asked, clients.map(lambda each: _ask(client, each), asked), strict=True))


def test_mixed_requests_are_drawn_as_each_is_alone(
    service: httpx.Client, expected: Expected
) -> None:
    alone = [expected.together([kind])[0] for kind in KINDS]
    assert len({picture.tobytes() for picture in alone}) == len(KINDS)
    mixed = random.Random(0).sample(KINDS, len(KINDS))
    for asked, answer in _ask_all(service, mixed):
        # A CPU draws one at a time, so that no picture knows of another one.
        assert answer.headers["x-batch"].endswith(", 1 of 1")
        assert np.array_equal(pixels(answer), alone[KINDS.index(asked)]), asked


def test_equal_requests_are_drawn_together_as_that_batch_is_elsewhere(
    place: Place, expected: Expected
) -> None:
    with running(place, "--batch", "4") as (client, _):
        answers = _ask_all(client, random.Random(0).choices(KINDS, k=36))
    batches: dict[int, dict[int, tuple[dict[str, Any], httpx.Response]]] = defaultdict(dict)
    for asked, answer in answers:
        number, spot, size = map(int, answer.headers["x-batch"].replace(" of", ",").split(","))
        assert 1 <= spot <= size <= 4
        batches[number][spot] = (asked, answer)
    assert max(map(len, batches.values())) > 1
    for batch in batches.values():
        together = [batch[spot] for spot in sorted(batch)]
        pictures = expected.together([asked for asked, _ in together])
        for picture, (asked, answer) in zip(pictures, together, strict=True):
            assert np.array_equal(pixels(answer), picture), asked


def test_a_picture_tells_what_it_was_drawn_with(service: httpx.Client) -> None:
    answer = _ask(service, {"prompt": "a red square", "quality": "balanced", "seed": 5})
    assert answer.headers["content-type"] == "image/png"
    told = [answer.headers[name] for name in ("x-quality", "x-trial", "x-seed")]
    assert told == ["balanced", "0", "5"]
    again = _ask(service, {"prompt": "a red square"})
    repeated = _ask(service, {"prompt": "a red square", "seed": int(again.headers["x-seed"])})
    assert again.content == repeated.content


def test_its_qualities_tell_what_was_measured(service: httpx.Client) -> None:
    tiers = service.get("/tiers").json()
    assert {name: tier["trial"] for name, tier in tiers.items()} == {
        "fast": "1",
        "balanced": "0",
        "best": "plain",
    }
    assert tiers["balanced"]["speedup"] == 1.5 and tiers["best"]["clip_loss"] == 0
    assert "inside the loss budget of 2% with a chance of" in tiers["fast"]["what"]


@pytest.mark.parametrize(
    ("points", "chosen", "fast", "what"),
    [
        ([(1.5, 0.001), (2.0, 0.015), (2.5, 0.06)], 0, 1, "faster, and inside the loss budget"),
        # No other face offers a point outside the budget.
        ([(1.5, 0.001), (2.0, 0.06)], 0, 0, "the same as balanced, as no faster point is inside"),
        # A slower point than the answer was chosen.
        ([(1.5, 0.001), (2.0, 0.002), (2.5, 0.06)], 0, 1, "faster, and inside the loss budget"),
        ([(1.5, 0.001), (1.2, 0.001)], 0, 0, "the same as balanced, as no faster point is inside"),
    ],
)
def test_fast_is_never_outside_a_budget(
    points: list[tuple[float, float]], chosen: int, fast: int, what: str
) -> None:
    study = make_study(*points)
    found = qualities(Choice(study, study.trials[chosen], study.budgets))[0]
    assert found.trial is not None
    assert (found.name, found.trial.number) == ("fast", fast)
    assert found.what.startswith(what)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"prompt": "a red square", "quality": "fast", "steps": 5}, "T-GATE's gate stands"),
        ({"prompt": "a red square", "quality": "best", "steps": 9}, f"at most {STEPS}, not 9"),
        ({"prompt": "a red square", "quality": "fast", "width": 16}, "ToMe merges the tokens"),
        ({"prompt": "a red square", "quality": "best", "width": 64}, "as many pixels as 32x32"),
        ({"prompt": "a red square", "quality": "best", "width": 17}, "multiples of 16"),
        ({"prompt": "a red square", "quality": "worst"}, "balanced"),
        ({"prompt": ""}, "at least 1 character"),
        ({"prompt": "a" * 2001}, "at most 2000 characters"),
        ({"prompt": "a red square", "seed": -1}, "greater than or equal to 0"),
        ({"prompt": "a red square", "guidance": 3}, "Extra inputs are not permitted"),
        ({}, "Field required"),
    ],
)
def test_what_it_does_not_draw_is_told(
    service: httpx.Client, asked: dict[str, Any], told: str
) -> None:
    answer = _ask(service, asked)
    assert answer.status_code == 422
    assert told in answer.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (r'{"prompt": "\ud800"}', "prompt"),
        (r'{"prompt": "a", "negative_prompt": "\ud83d"}', "negative_prompt"),
        (r'{"prompt": "a", "\ud800": 1}', ""),
        ('{"prompt": "a", "seed": NaN}', "seed"),
        ('{"prompt": "a", "steps": Infinity}', "steps"),
        ('{"prompt": "a", "x": NaN}', "x"),
        ('{"prompt": "a", "seed": true}', "seed"),
        ('{"prompt": "a", "seed": "5"}', "seed"),
        ('{"prompt": "a", "seed": 1.0}', "seed"),
        ('{"prompt": "a", "width": true}', "width"),
        ('{"prompt": "a", "quality": NaN}', "quality"),
    ],
)
def test_what_is_no_text_or_number_is_told_and_not_repeated(
    service: httpx.Client, body: str, field: str
) -> None:
    answer = service.post("/pictures", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    [wrong] = answer.json()["detail"]
    assert wrong["loc"] == ["body", *filter(None, [field])]
    assert wrong.keys() == {"type", "loc", "msg"}


def test_the_longest_prompts_are_drawn_however_they_are_escaped(service: httpx.Client) -> None:
    text = json.dumps("\N{GRINNING FACE}" * 2000)
    assert len(text) == 2 + 12 * 2000
    body = f'{{"prompt": {text}, "negative_prompt": {text}, "quality": "balanced", "seed": 1}}'
    answer = service.post("/pictures", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text


def test_a_body_is_limited_whether_its_length_is_told_or_not(service: httpx.Client) -> None:
    large = b'{"prompt": "' + b"a" * 50_000 + b'"}'
    head = {"Content-Type": "application/json"}
    told = service.post("/pictures", content=large, headers=head)
    pieces = service.post(
        "/pictures", content=(large[at : at + 1000] for at in range(0, 51_000, 1000)), headers=head
    )
    assert (told.status_code, pieces.status_code) == (413, 413)
    assert service.get("/healthz").json()["status"] == "ok"


@pytest.mark.thorough
def test_too_many_that_wait_are_told_when_to_come_back(place: Place) -> None:
    with running(place, "--waiting", "2") as (client, process):
        answers = [answer for _, answer in _ask_all(client, random.Random(0).choices(KINDS, k=24))]
        refused = [answer for answer in answers if answer.status_code == 503]
        drawn = [answer for answer in answers if answer.status_code == 200]
        assert refused and drawn and len(refused) + len(drawn) == 24
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        # It goes on drawing, until it is told to end.
        assert _ask(client, KINDS[0]).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)


def test_it_starts_as_its_head_says_and_ends_when_it_is_told_to_with_what_is_begun(
    place: Place,
) -> None:
    program = ("-m", "uvicorn", f"{place.path.stem}:app", "--app-dir", str(place.path.parent))
    with running(place, program=program) as (client, process):
        with ThreadPoolExecutor(CLIENTS) as clients:
            asked = [clients.submit(_ask, client, KINDS[0]) for _ in range(CLIENTS)]
            assert asked[0].result().status_code == 200
            process.send_signal(signal.SIGTERM)
            codes = [each.result().status_code for each in asked]
        assert process.wait(60) in (0, -signal.SIGTERM)
    assert set(codes) <= {200, 503}


def test_a_negative_prompt_that_does_nothing_is_refused() -> None:
    study, trial = made_study(
        "tiny-shapes-flux", ["fewer_steps"], {"fewer_steps.num_inference_steps": 10}
    )
    text = render_service(Choice(study, trial, study.budgets), Source("a/model"))
    assert "\n    negative_prompt=None,\n" in text
    tier = Tier("best", "plain", None, (1,), False, {}, {})
    measured = Measured(STEPS, PICTURE_SIZE, PICTURE_SIZE, None, {})
    with pytest.raises(HTTPException, match="negative_prompt does nothing here"):
        measured.order(Ask(prompt="a red square", negative_prompt="a ring"), tier)
    for empty in ("", None):
        asked = Ask(prompt="a red square", negative_prompt=empty)
        assert measured.order(asked, tier).negative_prompt == ""


def test_every_service_passes_ruff(tmp_path: Path) -> None:
    for study, trial in catalogue_trials():
        text = render_service(Choice(study, trial, study.budgets), Source("a/model"))
        (tmp_path / service_name(study, trial)).write_text(text, encoding="utf-8")
    for command in (["check", "--select", "E,F"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "100"]
        done = subprocess.run([*ruff, tmp_path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_service_of_a_gpu_does_not_fall_back_to_the_cpu(tmp_path: Path) -> None:
    study, trial = made_study("SD1.5", ["tome"], {"tome.ratio": 0.5, "tome.max_downsample": 1})
    path = tmp_path / "service.py"
    text = render_service(Choice(study, trial, study.budgets), Source("a/model"))
    path.write_text(text, encoding="utf-8")
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-P", path], capture_output=True, text=True, check=False, env=hidden
    )
    assert done.returncode == 2
    assert "measured on a GPU" in done.stderr and "--device cpu" in done.stderr
    assert "Traceback" not in done.stderr
