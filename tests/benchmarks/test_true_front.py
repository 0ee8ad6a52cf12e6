"""The figures of captured execution: studied, held against a roofline, compared between hosts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measuring.true_front_page import as_markdown
from benchmarks.measuring.true_front_table import table

Script = Callable[..., dict[str, Any]]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Runs a script of the room, and reads the file that it wrote."""

    def run(name: str, *arguments: object) -> dict[str, Any]:
        out = tmp_path / name
        words = [name, *map(str, arguments), "--out", str(out)]
        monkeypatch.setattr(sys, "argv", words)
        import_module(f"benchmarks.measuring.{name}").main()
        [file] = out.glob("*.json")
        assert file.with_name(f"{file.stem}.md").exists()
        results: dict[str, Any] = json.loads(file.read_text())
        return results

    return run


@pytest.fixture
def file(tmp_path: Path) -> Callable[[Mapping[str, Any], str], Path]:
    """Writes results to a file."""

    def write(results: Mapping[str, Any], name: str) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(results))
        return path

    return write


def trial(number: int, seconds: float, baseline_s: float = 1.0, **more: Any) -> dict[str, Any]:
    """A trial as a file keeps it."""
    return {
        "trial": number,
        "params": {"compile.parts": number},
        "speedup": baseline_s / seconds,
        "speedup_ci": [0.9 * baseline_s / seconds, 1.1 * baseline_s / seconds],
        "latency_s": seconds,
        "latencies_s": [seconds] * 3,
        "baseline_latencies_s": [baseline_s] * 3,
        "peak_memory_mib": 4300.0,
        "psnr_db": 80.0,
        "lossy_methods": [],
        "warmup_s": 2.5,
        **more,
    }


def front(**stacks: list[dict[str, Any]]) -> dict[str, Any]:
    """A file's results; two underscores in a name stand for a plus."""
    about = {"date": "2026-11-29", "versions": {"torch": "2.11.0"}, "distinct": 3, "failed": []}
    return {
        "name": "true front SD1.5 batch1 DPM-Solver++ 25 H200",
        "pipeline": "SD1.5",
        "device": "H200",
        "scheduler": "DPM-Solver++",
        "steps": 25,
        "batch_size": 1,
        "stacks": {
            name.replace("__", "+"): {**about, "default": trials[0]["params"], "trials": trials}
            for name, trials in stacks.items()
        },
    }


def test_studies_each_stack_and_says_why_one_is_not_measured(
    script: Script, tmp_path: Path
) -> None:
    options = ("--pipeline", "tiny-shapes", "--device", "cpu", "--steps", 4)
    stacks = ("--stacks", "deepcache:2", "cuda_graph")
    found = script("true_front", *options, *stacks, "--models", tmp_path / "models")

    deepcache = found["stacks"]["deepcache"]
    assert [each["params"] == deepcache["default"] for each in deepcache["trials"]] == [True, False]
    assert all(each["lossy_methods"] == ["deepcache"] for each in deepcache["trials"])
    page = next((tmp_path / "true_front").glob("*.md")).read_text(encoding="utf-8")
    assert "The pipeline is trained" in page and " PSNR dB | CLIP loss |" in page
    assert "device is cpu" in found["stacks"]["cuda_graph"]["reason"]

    [path] = (tmp_path / "true_front").glob("*.json")
    points = script("roofline", path, "--device", "cpu")["points"]
    plain, default = points[:2]
    # Of four calls of the denoiser three leave most blocks out, and the VAE decodes once.
    assert (
        0
        < plain["operations"] - plain["denoiser_operations"]
        == pytest.approx(default["operations"] - default["denoiser_operations"])
    )
    assert 0.25 < default["denoiser_operations"] / plain["denoiser_operations"] < 0.7


def test_a_page_tells_equal_pictures_and_the_gain_over_lossless() -> None:
    lossy: dict[str, Any] = {"lossy_methods": ["deepcache"]}
    found = front(
        cuda_graph=[trial(0, 0.4)],
        compile__deepcache__cuda_graph=[trial(0, 0.25), trial(1, 0.125, **lossy)],
    )
    found["stacks"]["cuda_graph"]["pixels"] = [0.0, 0.0, 0.0005]
    page = as_markdown(found)
    assert "cuda_graph beside the plain pipeline: 2 of 3 batches are equal bit for bit" in page
    assert "the largest difference of a pixel is 0.0005" in page
    assert "target of compile+deepcache+cuda_graph: 5.5x, kept with 8.00x" in page
    assert "target of cuda_graph: 2.2x, kept with 2.50x" in page
    [row] = [line for line in page.splitlines() if "| fastest |" in line]
    assert "| 8.00x (7.20 to 8.80) | 0.1250 | 2.00 | 2.5 | 4,300 | 80.0 |" in row


def test_a_trained_pipelines_answer_stands_in_place_of_its_fastest_point() -> None:
    loss: dict[str, Any] = {
        "clip_loss": 0.05,
        "clip_loss_ci": [-0.0001, 0.08],
        "lossy_methods": ["deepcache"],
    }
    found = front(deepcache=[trial(0, 0.5, **loss), trial(1, 0.4, **loss), trial(2, 0.3, **loss)])
    found["stacks"]["deepcache"]["answer"] = 1
    page = as_markdown(found)
    assert "losses mean nothing" not in page and "| fastest |" not in page
    [row] = [line for line in page.splitlines() if "| answer |" in line]
    assert "| 0.4000 |" in row and row.endswith("| 5.0% (0.0 to 8.0) |")
    assert {line.count("|") for line in page.splitlines() if line.startswith("|")} == {12}


def test_targets_of_flux_are_a_speedup_and_seconds() -> None:
    settings = {"pipeline": "FLUX.1-dev", "scheduler": "FlowMatchEuler", "steps": 28}
    found = {**front(compile__mag_cache__cuda_graph=[trial(0, 1.8, 6.0)]), **settings}
    page = as_markdown(found)
    assert "target of compile+mag_cache+cuda_graph: 3.0x, kept with 3.33x" in page
    assert "target of compile+mag_cache+cuda_graph: 1.7 s a picture, missed with 1.80 s" in page
    assert "target" not in as_markdown({**found, "steps": 25})


def test_captured_latencies_hold_within_three_percent(
    script: Script, file: Callable[[Mapping[str, Any], str], Path]
) -> None:
    first = front(compile__cuda_graph=[trial(0, 0.30), trial(1, 0.25)], deepcache=[trial(2, 0.5)])
    second = front(
        compile__cuda_graph=[trial(0, 0.308, 1.6), trial(1, 0.26, 1.6)],
        deepcache=[trial(2, 0.8, 1.6), trial(3, 0.4, 1.6)],
    )
    found = script("two_hosts", file(first, "first"), file(second, "second"))
    assert [point["holds"] for point in found["points"]] == [True, False, False]
    assert found["captured"] == {"points": 2, "hold": 1, "farthest": pytest.approx(1.04)}
    assert found["eager"] == {"points": 1, "hold": 0, "farthest": pytest.approx(1.6)}
    assert found["plain"]["farthest"] == pytest.approx(1.6)


def test_thresholds_that_each_host_learned_are_compared_with_the_nearest(
    script: Script, file: Callable[[Mapping[str, Any], str], Path]
) -> None:
    def learned(*thresholds: float) -> dict[str, Any]:
        name = "first_block_cache.threshold"
        trials = [trial(number, 0.5, params={name: each}) for number, each in enumerate(thresholds)]
        found = front(first_block_cache=trials)
        found["stacks"]["first_block_cache"]["learned_choices"] = {name: thresholds}
        return found

    first, second = learned(0.0483, 0.124, 0.3), learned(0.0485, 0.125, 0.2)
    points = script("two_hosts", file(first, "first"), file(second, "second"))["points"]
    assert [list(point["second_params"].values()) for point in points] == [[0.0485], [0.125]]


def test_files_of_other_settings_are_not_compared(
    script: Script,
    file: Callable[[Mapping[str, Any], str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = front(cuda_graph=[trial(0, 0.3)])
    other = file(first | {"batch_size": 8}, "second")
    with pytest.raises(SystemExit):
        script("two_hosts", file(first, "first"), other)
    assert "the files differ in batch_size" in capsys.readouterr().err


def test_a_row_shows_the_best_stack_of_each_kind() -> None:
    lossy: dict[str, Any] = {"lossy_methods": ["deepcache"]}
    found = front(
        cuda_graph=[trial(0, 0.4)],
        deepcache=[trial(0, 0.5, **lossy), trial(1, 0.25, **lossy)],
        tgate=[trial(0, 0.8, **lossy)],
        compile__deepcache__cuda_graph=[trial(1, 0.2, **lossy), trial(0, 0.4)],
    )
    *_, row = table({Path("results/found.json"): found})
    assert row == (
        "| [SD1.5, 1](results/found.md), DPM-Solver++ 25 | 1.000 | - | 2.50x (2.50x) "
        "| 2.50x (2.50x) | 2.00x (4.00x) deepcache | 5.00x (5.00x) deepcache |"
    )


def test_a_lossless_point_of_a_stack_stands_for_a_study_that_lacks() -> None:
    lossy: dict[str, Any] = {"lossy_methods": ["deepcache"]}
    stack = [trial(0, 0.25, **lossy), trial(1, 0.5)]
    found = front(compile__deepcache__cuda_graph=stack)
    *_, row = table({Path("found.json"): found})
    assert row.endswith("| 1.000 | - | - | 2.00x (2.00x) | - | 4.00x (4.00x) deepcache |")
    found = front(compile__deepcache__cuda_graph=stack, compile__cuda_graph=[trial(0, 0.8)])
    *_, row = table({Path("found.json"): found})
    assert "| 1.25x (1.25x) |" in row
