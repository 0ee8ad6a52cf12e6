"""Searches from Python, for real, of the shipped pipeline at a size that is measured at once."""

from __future__ import annotations

import math
import signal
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch

import accelfront
from studies.run.point import PointMeasuring
from tests.command_line import run
from tests.metric_files import save_alexnet

SMALL: dict[str, Any] = {
    "steps": 2,
    "num_samples": 2,
    "batch_size": 1,
    "confirm": False,
    "device": "cpu",
}

Search = Callable[..., accelfront.Study]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/a.db"


@pytest.fixture
def search(url: str) -> Search:
    return partial(
        accelfront.search, "tiny-shapes", "deepcache", storage=url, progress=False, **SMALL
    )


def test_a_study_is_searched_and_the_same_call_resumes_it(
    search: Search, url: str, tmp_path: Path
) -> None:
    lpips = {"metrics": "lpips", "weights": {"lpips": save_alexnet(tmp_path / "alexnet.pth")}}
    first = search(trials=1, budget={"clip_loss": 0.5}, **lpips)
    again = search(trials=2, **lpips)

    assert first.ended == again.ended == "trials"
    assert first.name == again.name
    assert [len(study.trials) for study in (first, again)] == [1, 2]
    assert again.budgets == {"clip_loss": 0.5}
    protocol = again.trials[0].point.protocol
    assert protocol.metrics[-1] == "lpips"
    assert protocol.weights[0].name.startswith("alexnet.pth@")
    assert again.trials[0].call == {
        "num_inference_steps": 2,
        "guidance_scale": 12.0,
        "height": 64,
        "width": 64,
    }
    assert [study.name for study in accelfront.open(url)] == [first.name]
    script = again.script(tmp_path, again.trials[0])
    assert script.name.endswith("-trial0.py")
    assert f'STUDY = "{first.name}"' in script.read_text()
    assert again.script(tmp_path / "draw.py", again.trials[0]) == tmp_path / "draw.py"


def test_the_command_line_goes_on_with_a_study_of_python(search: Search, url: str) -> None:
    name = search(trials=1).name
    command = (
        f"study --methods deepcache --steps 2 --num-samples 2 --batch-size 1 --no-confirm "
        f"--device cpu --trials 2 --storage {url}"
    )
    answer = run(*command.split())
    assert answer.returncode == 0, answer.stderr
    [study] = accelfront.open(url)
    assert (study.name, len(study.trials)) == (name, 2)


def test_prompts_are_given_as_texts(
    search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    search = partial(search, steps=6)
    texts = ["a red circle", "a blue square\nand a green one", "a red circle"]
    first = search(trials=1, prompts=texts)
    again = search(trials=1, prompts=list(texts))
    other = search(trials=1, prompts=["a red circle", "a green square"], timeout_s=1e-3)
    assert first.name == again.name != other.name
    assert first.trials[0].point.protocol.num_samples == 2


def test_what_is_drawn_is_asked_for_in_numbers_and_types_of_numpy_and_torch_too(
    search: Search,
) -> None:
    given: dict[str, Any] = {"trials": np.int64(1), "guidance": np.float32(6)}
    study = search(
        size=[64, 32],
        dtype=torch.float32,
        negative_prompt="a blue circle",
        scheduler_options={"timestep_spacing": "trailing", "rescale_betas_zero_snr": False},
        **given,
    )
    point = study.trials[0].point
    assert point.scheduler_settings["timestep_spacing"] == "trailing"
    protocol = point.protocol
    assert (protocol.guidance_scale, protocol.dtype) == (6.0, "float32")
    assert (protocol.width, protocol.height) == (64, 32)
    assert protocol.negative_prompt == study.trials[0].call["negative_prompt"] == "a blue circle"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"steps": 0}, "--steps must be a whole number from 1"),
        ({"methods": "deepcach"}, "unknown method 'deepcach'"),
        ({"methods": []}, "at least one method"),
        ({"budget": {"clip_loss": 3}}, "--budget clip_loss is the greatest loss"),
        ({"prompts": []}, "a list of texts that is not empty"),
        ({"prompts": "none.txt"}, "none.txt: No such file or directory; name a file"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"storage": "mysql://a"}, "sqlite"),
        ({"size": "big"}, "--size is WIDTHxHEIGHT"),
        ({"scheduler": "nope"}, "unknown scheduler 'nope'"),
        ({"loras": ["no.safetensors:0.5"]}, "cannot load the LoRA from no.safetensors: No such"),
        ({"budget": 0.02}, r"budget takes a dict \(by name, of .*\) or None, and 0.02 was given"),
        ({"budget": "clip_loss=2%"}, "budget takes a dict .* and 'clip_loss=2%' was given"),
        ({"budget": ["clip_loss"]}, r"budget takes a dict .* and \['clip_loss'\] was given"),
        ({"trials": "3"}, "trials takes a whole number, and '3' was given"),
        ({"trials": 1.5}, "trials takes a whole number, and 1.5 was given"),
        ({"steps": "6"}, "steps takes a whole number or None, and '6' was given"),
        ({"steps": 6.5}, "steps takes a whole number or None, and 6.5 was given"),
        ({"seed": "a"}, "seed takes a whole number, and 'a' was given"),
        ({"seed": 2**70}, "--seed must be .*, and a number of more than 18 digits was given"),
        ({"guidance": "7"}, "guidance takes a number or None, and '7' was given"),
        ({"guidance": True}, "guidance takes a number or None, and True was given"),
        ({"size": 64}, r"size takes \(a whole number, a whole number\) or .* and 64 was given"),
        ({"dtype": torch.float64}, "--dtype is fp16, bf16, fp32, and 'float64' was given"),
        ({"dtype": 16}, "dtype takes text or a dtype or None, and 16 was given"),
        ({"negative_prompt": ["a"]}, r"negative_prompt takes text or None, and \['a'\] was given"),
        ({"scheduler": 5}, "scheduler takes text or None, and 5 was given"),
        ({"scheduler_options": "x=1"}, "scheduler_options takes a dict .* and 'x=1' was given"),
        ({"methods": None}, r"methods takes text or a list \(of text\), and None was given"),
        ({"methods": ["deepcache", 1]}, r"methods takes .* and \['deepcache', 1\] was given"),
        ({"speedup": "2x"}, "speedup takes a number or None, and '2x' was given"),
        ({"speedup": math.nan}, "--req-speedup must be 1 or more"),
        ({"timeout_s": "x"}, "timeout_s takes a number or None, and 'x' was given"),
        ({"storage": 5}, "storage takes text or None, and 5 was given"),
        ({"loras": [Path("no.bin")]}, "--lora takes a .safetensors file, and no.bin is none"),
    ],
)
def test_what_cannot_be_done_is_told_in_the_words_of_the_command_line(
    url: str, asked: dict[str, Any], told: str
) -> None:
    given = {"methods": "deepcache", "storage": url, "progress": False, **SMALL, **asked}
    with pytest.raises(accelfront.AccelfrontError, match=told) as raised:
        accelfront.search("tiny-shapes", **given)
    assert raised.value.__cause__ is not None


@pytest.mark.parametrize(
    ("prompts", "told"),
    [
        (["", " "], "a list of texts that is not empty"),
        (["a red circle", "\ud800"], r"prompts holds '\\ud800', which is half a character"),
        (["a red circle", 5], r"prompts takes .* and \['a red circle', 5\] was given"),
    ],
)
def test_prompts_that_are_none_are_not_kept(
    search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prompts: list[Any], told: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(accelfront.AccelfrontError, match=told):
        search(prompts=prompts)
    assert not list(tmp_path.rglob("*.jsonl"))


def test_a_defect_is_no_error_of_the_interface(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("accelfront.api.running.make_plan", fail)
    with pytest.raises(ZeroDivisionError):
        search(trials=1)


def test_a_search_shows_its_progress_and_leaves_the_process_as_it_was(
    search: Search, capfd: pytest.CaptureFixture[str]
) -> None:
    import diffusers.utils.logging as of_diffusers

    optuna.logging.set_verbosity(optuna.logging.INFO)
    of_diffusers.enable_progress_bar()
    filters = list(warnings.filters)

    search(trials=1, budget={"clip_loss": 0.5}, progress=True)

    out, err = capfd.readouterr()
    assert out == ""
    assert "1/1 points" in err
    assert "measuring cache_interval=" in err
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
    assert of_diffusers.is_progress_bar_enabled()
    assert warnings.filters == filters


def test_an_interrupt_lets_the_trial_finish_and_a_second_one_stops_at_once(
    search: Search, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, interrupts = PointMeasuring.measure, 1

    def interrupted(*given: Any) -> None:
        for _ in range(interrupts):
            signal.raise_signal(signal.SIGINT)
        measure(*given)

    monkeypatch.setattr(PointMeasuring, "measure", interrupted)
    before = signal.getsignal(signal.SIGINT)
    study = search(trials=4)
    assert study.ended == "interrupt"
    assert len(study.trials) == 1

    interrupts = 2
    with pytest.raises(KeyboardInterrupt):
        search(trials=4)
    [kept] = accelfront.open(url)
    assert len(kept.trials) == 1
    assert signal.getsignal(signal.SIGINT) == before

    monkeypatch.undo()
    assert len(search(trials=2).trials) == 2
