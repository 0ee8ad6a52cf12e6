"""The step cache: its masks, what it predicts, and DeepCache among its points."""

from __future__ import annotations

from itertools import product
from math import ceil
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from accel_space.errors import RefusedError
from accel_space.method import Params
from accel_space.methods.step_cache import CENTRES, INTERVALS, POWERS, full_calls, weights_at
from accel_space.stack import Stack
from tests.accel_space.pipe_state import assert_same_state, pipe_state
from tests.tiers.covering import covering
from tests.tiny_pipelines import CALLS, denoiser_of, draw, tiny_context, tiny_pipeline

EVEN = {"power": 1.0, "centre": 0.0}
STEPS = 8

NOTHING_KEPT = {**EVEN, "interval": 4.0, "order": 0, "kept_layers": -1}
"""Two of eight calls run, and the others nothing at all."""


def _drawn(pipe: Any, method: str, params: Params, family: str) -> torch.Tensor:
    stack = Stack(tiny_context(pipe, [method], STEPS))
    with stack.applied(pipe, params) as generate:
        return torch.as_tensor(draw(generate, steps=STEPS, **CALLS[family]))


@given(
    st.integers(1, 100), st.sampled_from(INTERVALS), st.sampled_from(POWERS),
    st.sampled_from(CENTRES),
)  # fmt: skip
def test_so_many_calls_as_the_interval_says_run_in_full_and_the_first_is_one(
    calls: int, interval: float, power: float, centre: float
) -> None:
    places = full_calls(calls, interval, power, centre)

    assert len(places) == ceil(calls / interval - 1e-9)
    assert places == sorted(set(places))
    assert places[0] == 0
    assert places[-1] < calls


def test_masks_are_even_or_dense_early_or_late_or_in_the_middle() -> None:
    assert full_calls(20, 4.0, 1.0, 0.5) == [0, 4, 8, 12, 16]
    assert full_calls(20, 4.0, 2.0, 0.0) == [0, 1, 4, 8, 13]
    assert full_calls(20, 4.0, 2.0, 1.0) == [0, 8, 13, 17, 19]
    assert full_calls(20, 4.0, 2.0, 0.5) == [0, 7, 10, 11, 14]


@pytest.mark.parametrize("calls", [20, 25, 28, 50])
@pytest.mark.parametrize("interval", [2, 3, 4, 5])
def test_even_masks_of_whole_intervals_are_deepcaches(calls: int, interval: int) -> None:
    assert full_calls(calls, interval, 1.0, 0.0) == list(range(0, calls, interval))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=3, unique=True), st.integers(0, 50))
def test_weights_continue_a_polynomial_through_the_known_calls(known: list[int], call: int) -> None:
    def curve(at: int) -> float:
        return sum((at / 10) ** power for power in range(len(known)))

    weights = weights_at(call, known)

    assert sum(w * curve(at) for w, at in zip(weights, known, strict=True)) == pytest.approx(
        curve(call), abs=1e-6
    )


@pytest.mark.parametrize(
    ("family", "kept", "interval"),
    covering(product(["SD1.5", "SDXL"], [0, 1, 2, 3], [2, 3]), lambda *values: enumerate(values)),
)
def test_of_order_0_and_even_it_draws_what_deepcache_draws(
    family: str, kept: int, interval: int
) -> None:
    """Bit for bit: both leave the same layers out of the same calls."""
    ours = {**EVEN, "interval": float(interval), "order": 0, "kept_layers": kept}
    theirs = {"cache_interval": interval, "cache_branch_id": kept}

    cached = _drawn(tiny_pipeline(family), "step_cache", ours, family)

    assert torch.equal(cached, _drawn(tiny_pipeline(family), "deepcache", theirs, family))


@pytest.mark.parametrize("family", ["SD1.5", "SDXL"])
def test_a_unet_computes_no_more_than_it_says(family: str) -> None:
    """At a call that reuses, of all resnets the kept one runs, and the two that it rejoins."""
    pipe = tiny_pipeline(family)
    ran: list[str] = []
    counts = []
    for name, module in denoiser_of(pipe).named_modules():
        if type(module).__name__ == "ResnetBlock2D":
            module.time_emb_proj.register_forward_hook(lambda *_, name=name: ran.append(name))
    stack = Stack(tiny_context(pipe, ["step_cache"], STEPS))
    point = {**EVEN, "interval": 8.0, "order": 0, "kept_layers": 1}
    with stack.applied(pipe, point) as generate:

        def count(*_: Any) -> None:
            counts.append(len(ran))
            ran.clear()

        denoiser_of(pipe).register_forward_hook(count)
        draw(generate, steps=STEPS, **CALLS[family])

    assert counts[0] > 3
    assert counts[1:] == [3] * (STEPS - 1)


@pytest.mark.parametrize("order", [1, 2])
def test_a_transformers_residual_goes_on_in_a_curve(order: int) -> None:
    family, seen = "PixArt-alpha", []
    pipe = tiny_pipeline(family)
    blocks = pipe.transformer.transformer_blocks
    point = {**EVEN, "interval": 2.0, "order": order, "kept_layers": 1}
    stack = Stack(tiny_context(pipe, ["step_cache"], STEPS))
    with stack.applied(pipe, point) as generate:
        blocks[1].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        blocks[-1].register_forward_hook(lambda *call: seen.append(call[-1] - seen.pop()))
        draw(generate, steps=STEPS, **CALLS[family])

    known = seen[0:7:2]
    if order == 1:
        predicted = 1.5 * known[3] - 0.5 * known[2]
    else:
        predicted = 1.875 * known[3] - 1.25 * known[2] + 0.375 * known[1]
    torch.testing.assert_close(seen[7], predicted, atol=1e-4, rtol=1e-4)


def test_values_without_meaning_are_refused() -> None:
    stack = Stack(tiny_context(tiny_pipeline("SD1.5"), ["step_cache"], STEPS))
    point = {**EVEN, "interval": 2.0, "order": 0, "kept_layers": 0}

    with pytest.raises(RefusedError, match="kept_layers must be at most"):
        stack.canonical(point | {"kept_layers": 99})
    with pytest.raises(RefusedError, match="centre is from 0"):
        stack.canonical(point | {"centre": 1.5})
    with pytest.raises(RefusedError, match="interval must be a number from 1 on"):
        stack.canonical(point | {"interval": 0.5})


@pytest.mark.parametrize("family", ["SD1.5", "PixArt-alpha", "SD3.5-medium", "Z-Image"])
def test_with_nothing_kept_a_call_runs_no_layer_and_repeats_the_prediction(family: str) -> None:
    pipe = tiny_pipeline(family)
    denoiser, given = denoiser_of(pipe), list[Any]()
    ran = set()
    layer = next(each for each in denoiser.modules() if isinstance(each, torch.nn.Linear))
    layer.register_forward_hook(lambda *_: ran.add(len(given)))
    stack = Stack(tiny_context(pipe, ["step_cache"], STEPS))
    before = pipe_state(pipe)
    with stack.applied(pipe, NOTHING_KEPT) as generate:
        denoiser.register_forward_hook(lambda *call: given.append(call[-1][0]))
        draw(generate, steps=STEPS, **CALLS[family])

    assert ran == {0, 4}
    assert len(given) == STEPS
    for call, output in enumerate(given):
        assert type(output) is type(given[0])
        for one, other in zip(output, given[call // 4 * 4], strict=True):
            assert torch.equal(one, other)
    assert stack.schedule(stack.canonical(NOTHING_KEPT)).skipped["calls"] == 0.75
    assert_same_state(pipe_state(pipe), before)


@pytest.mark.parametrize("family", ["SD1.5", "PixArt-alpha", "SD3.5-medium"])
def test_with_nothing_kept_a_prediction_is_repeated_for_prompts_alone_too(family: str) -> None:
    pipe = tiny_pipeline(family)
    stack = Stack(tiny_context(pipe, ["step_cache", "cfg_cutoff"], STEPS))
    ran = list[int]()
    first = next(denoiser_of(pipe).children())
    first.register_forward_hook(lambda *call: ran.append(len(call[-1])))
    with stack.applied(pipe, {**NOTHING_KEPT, "cutoff_step_index": 2}) as generate:
        picture = draw(generate, steps=STEPS, **CALLS[family])

    assert ran == [2, 1]
    assert picture.isfinite().all()
