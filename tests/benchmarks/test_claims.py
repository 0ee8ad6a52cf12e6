"""Published claims beside what the kept files of benchmarks have of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from accel_space.applying import find_methods
from benchmarks.pages.claims import CLAIMS, TWINS, as_markdown, compared


def trial(
    number: int, speedup: float, seconds: float, lossy: tuple[str, ...] = (), **params: float
) -> dict[str, Any]:
    named = {name.replace("__", "."): value for name, value in params.items()} or {"n": number}
    times = {"speedup": speedup, "latency_s": seconds, "lossy_methods": list(lossy)}
    return {"trial": number, "params": named, **times}


def front(steps: int, **stacks: list[dict[str, Any]]) -> dict[str, Any]:
    """A file of true_front.py; two underscores in a name stand for a plus."""
    return {
        "pipeline": "FLUX.1-dev",
        "batch_size": 1,
        "scheduler": "FlowMatchEuler",
        "steps": steps,
        "device": "H200",
        "stacks": {
            name.replace("__", "+"): {"default": trials[0]["params"], "trials": trials}
            for name, trials in stacks.items()
        },
    }


def claim(**more: Any) -> dict[str, Any]:
    return {
        **{"title": "T", "pipeline": "FLUX.1-dev", "steps": 28, "seconds": [6.0, 2.0]},
        **{"about": "B200", "source": "S", "link": "https://example.org", **more},
    }


def cells(folder: Path, **more: Any) -> list[str]:
    *_, row = as_markdown(compared([claim(**more)], folder)).splitlines()
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_a_claim_stands_beside_the_nearest_measurement(tmp_path: Path) -> None:
    lossy = ("taylorseer",)
    stack = [trial(0, 4.0, 1.0, lossy), trial(1, 1.5, 2.5), trial(2, 5.0, 0.8, lossy)]
    halved = [trial(0, 1.9, 2.6, ("fewer_steps",), fewer_steps__num_inference_steps=14)]
    near = front(28, taylorseer__compile__cuda_graph=stack, fewer_steps=halved)
    far = front(50, taylorseer__compile__cuda_graph=[trial(0, 9.0, 9.0, lossy)])
    for name, content in {"true-front-a": far, "true-front-b": near}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))

    stacked = {"measured_as": ["taylorseer", "taylorseer+compile+cuda_graph"]}
    _, claimed, fewer, measured, fewer_here, twin = cells(tmp_path, **stacked)
    assert claimed == "3.00x, B200, [S](https://example.org)"
    assert (fewer, twin) == ("-", "-")
    # The default point, not the fastest, and of the file with as many steps.
    assert measured == "4.00x, 1.00 s, `taylorseer+compile+cuda_graph`, FlowMatchEuler 28, H200"
    assert fewer_here == "1.90x, 14 of 28 steps"

    over = cells(tmp_path, over="compiled", fewer="2x with 14 steps", **stacked)
    assert over[1:4:2] == [
        "3.00x over compiled, B200, [S](https://example.org)",
        measured.replace("4.00x", "2.50x over compiled"),
    ]
    assert over[2] == "2x with 14 steps"
    # The lossless point of the stack stands for compiled and captured execution alone.
    assert cells(tmp_path, measured_as=["compile+cuda_graph"])[3].startswith("1.50x, 2.50 s")
    assert cells(tmp_path, measured_as=["pab"])[3] == "-"


def test_a_dynamic_cache_says_how_many_calls_hit(tmp_path: Path) -> None:
    dynamic = trial(0, 1.03, 4.8, ("first_block_cache",)) | {"hits": 0.0357}
    content = front(28, first_block_cache=[dynamic])
    (tmp_path / "true-front-a.json").write_text(json.dumps(content))
    shown = cells(tmp_path, measured_as=["first_block_cache"])[3]
    assert (
        shown == "1.03x, 4.80 s, `first_block_cache`, FlowMatchEuler 28, H200; 4% of its calls hit"
    )


def test_what_is_measured_in_batches_serves_where_nothing_else_does(tmp_path: Path) -> None:
    settings = [
        {"key": [8, steps], "stacks": {"tgate": {"speedup": steps / 10, "latency_s": 0.5}}}
        for steps in (20, 50)
    ]
    size = {"pipeline": "SDXL", "settings": settings, "environment": {"device": "H100"}}
    (tmp_path / "full-size-sdxl.json").write_text(json.dumps(size))
    shown = cells(tmp_path, pipeline="SDXL", steps=25, measured_as=["tgate"])[3]
    assert shown == "2.00x, 0.50 s, `tgate`, DDIM 20, batches of 8, H100"


def test_a_twin_says_what_the_method_and_fewer_steps_save_at_equal_loss(tmp_path: Path) -> None:
    def point(work: float, loss: float, judged: float) -> dict[str, Any]:
        halves = {"choosing": loss, "judging": judged}
        found = {
            half: {name: [each, each, each] for name in ("clip_loss", "attributes")}
            for half, each in halves.items()
        }
        return {"params": {}, "work": work, **found}

    pieces = {
        "tiny-shapes-flux--FlowMatchEuler--28--taylorseer--0": [
            point(0.1, 0.5, 0.5),
            point(0.25, 0.01, 0.01),
        ],
        # What it loses on prompts that did not choose it is above the budget.
        "tiny-shapes-flux--FlowMatchEuler--28--fewer_steps--0": [point(0.5, 0.01, 0.05)],
    }
    (tmp_path / "equal-loss.json").write_text(json.dumps({"pieces": pieces}))
    shown = cells(tmp_path, method="taylorseer", measured_as=["taylorseer"])
    assert shown[3:] == ["-", "-", "4.00x, none; tiny-shapes-flux, FlowMatchEuler, 28 steps"]
    assert cells(tmp_path, measured_as=["taylorseer"])[5] == "-"


def test_every_claim_names_a_stack_a_model_and_a_source() -> None:
    claims = yaml.safe_load(CLAIMS.read_text())
    page = as_markdown(compared(claims, Path("nowhere")))
    assert len(page.splitlines()) == len(claims) + 6
    for each in claims:
        assert each["pipeline"] in TWINS
        assert f"[{each['source']}]({each['link']})" in page
        for stack in [*each["measured_as"], *filter(None, [each.get("method")])]:
            find_methods(stack.split("+"))
