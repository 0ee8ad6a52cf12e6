"""Searches from Python, for real, of the shipped pipeline at a size that is measured at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest

import accelfront
from studies.run.point import PointMeasuring

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


@pytest.mark.usefixtures("quiet_machine")
def test_a_study_is_searched_and_the_same_call_resumes_it(
    search: Search, url: str, tmp_path: Path
) -> None:
    first = search(trials=1, budget={"clip_loss": 0.5})
    again = search(trials=2)

    assert first.ended == again.ended == "trials"
    assert first.name == again.name
    assert [len(study.trials) for study in (first, again)] == [1, 2]
    assert again.budgets == {"clip_loss": 0.5}
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


@pytest.mark.usefixtures("quiet_machine")
def test_the_command_line_goes_on_with_a_study_of_python(search: Search, url: str) -> None:
    name = search(trials=1).name
    command = (
        f"study --methods deepcache --steps 2 --num-samples 2 --batch-size 1 --no-confirm "
        f"--device cpu --trials 2 --storage {url}"
    )
    subprocess.run(
        [sys.executable, "-m", "accelfront", *command.split()], check=True, capture_output=True
    )
    [study] = accelfront.open(url)
    assert (study.name, len(study.trials)) == (name, 2)


@pytest.mark.usefixtures("quiet_machine")
def test_prompts_are_given_as_texts(
    search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    search = partial(search, steps=6)
    texts = ["a red circle", "a blue square\nand a green one", "a red circle"]
    first = search(trials=1, prompts=texts)
    again = search(trials=1, prompts=list(texts))
    other = search(trials=1, prompts=["a red circle", "a green square"])
    assert first.name == again.name != other.name
    assert first.trials[0].point.protocol.num_samples == 2


@pytest.mark.usefixtures("quiet_machine")
def test_what_is_drawn_is_asked_for(search: Search) -> None:
    study = search(
        trials=1,
        guidance=6,
        size=(64, 32),
        dtype="fp32",
        negative_prompt="a blue circle",
        scheduler_options={"timestep_spacing": "trailing", "rescale_betas_zero_snr": False},
    )
    point = study.trials[0].point
    assert point.scheduler_settings["timestep_spacing"] == "trailing"
    protocol = point.protocol
    assert (protocol.guidance_scale, protocol.width, protocol.height) == (6.0, 64, 32)
    assert protocol.negative_prompt == study.trials[0].call["negative_prompt"] == "a blue circle"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"steps": 0}, "--steps must be a whole number from 1"),
        ({"methods": "deepcach"}, "unknown method 'deepcach'"),
        ({"methods": []}, "at least one method"),
        ({"budget": {"clip_loss": 3}}, "--budget clip_loss is the greatest loss"),
        ({"prompts": []}, "a list of texts that is not empty"),
        ({"prompts": "none.txt"}, "cannot read the prompts none.txt"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"storage": "mysql://a"}, "sqlite"),
        ({"size": "big"}, "--size is WIDTHxHEIGHT"),
        ({"scheduler": "nope"}, "unknown scheduler 'nope'"),
        ({"loras": ["no.safetensors:0.5"]}, "cannot load the LoRA from no.safetensors: No such"),
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


def test_a_defect_is_no_error_of_the_interface(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("accelfront.api.running.make_plan", fail)
    with pytest.raises(ZeroDivisionError):
        search(trials=1)


@pytest.mark.usefixtures("quiet_machine")
def test_a_search_leaves_the_process_as_it_was(search: Search) -> None:
    import diffusers.utils.logging as of_diffusers

    optuna.logging.set_verbosity(optuna.logging.INFO)
    of_diffusers.enable_progress_bar()
    filters = list(warnings.filters)
    search(trials=1)
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
    assert of_diffusers.is_progress_bar_enabled()
    assert warnings.filters == filters


@pytest.mark.usefixtures("quiet_machine")
def test_a_bar_shows_the_progress(search: Search, capfd: pytest.CaptureFixture[str]) -> None:
    search(trials=1, budget={"clip_loss": 0.5}, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "1/1 points" in err
    assert "measuring cache_interval=" in err


@pytest.mark.usefixtures("quiet_machine")
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
