"""What a schedule leaves out is really not computed.

A new method adds to `PROMISES` what it promises to leave out; the hits of one that decides while
running are held to the blocks that ran.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accel_space.applying import own_params
from accel_space.calibration.hits import Hits
from accel_space.method import Value
from accel_space.schedule import Skipped, Static
from tests.accel_space.contract.stacks import (
    SCHEDULERS,
    STACKS,
    Names,
    alone_and_together,
    make_stack,
    quick_pipeline,
    working_point,
)
from tests.accel_space.contract.watching import Work, watch
from tests.tiny_pipelines import CALLS, EVERY_FAMILY, STEPS, draw


def _deep_blocks_run_at_whole_steps_only(work: Work, skipped: Skipped, batch: int) -> None:
    assert work.deep_steps == [step for step in range(work.step + 1) if not skipped["depth"][step]]
    assert len(work.deep_steps) <= work.step


def _attention_is_not_computed_where_it_is_skipped(
    work: Work, skipped: Skipped, batch: int
) -> None:
    computed = {
        "self_attention": work.self_attention_steps,
        "cross_attention": work.cross_attention_steps,
    }
    # Where picture and prompt share the attentions there are none of the second kind.
    found = [computed[name] for name in computed if name in skipped]
    for name in computed.keys() & skipped.keys():
        assert computed[name] == [step for step in work.block_steps if not skipped[name][step]]
    assert found[0] not in found[1:] and min(map(len, found)) < len(work.block_steps)


def _the_batch_is_halved_where_guidance_is_skipped(
    work: Work, skipped: Skipped, batch: int
) -> None:
    assert work.batches == [batch if share else 2 * batch for share in skipped["guidance"]]
    assert set(work.batches) == {batch, 2 * batch}


def _attention_and_guidance_stop_at_the_gate(work: Work, skipped: Skipped, batch: int) -> None:
    _attention_is_not_computed_where_it_is_skipped(work, skipped, batch)
    _the_batch_is_halved_where_guidance_is_skipped(work, skipped, batch)


def _merged_tokens_do_not_reach_attention(work: Work, skipped: Skipped, batch: int) -> None:
    merged = {}
    for name, (share, *others) in skipped.items():
        height, width = map(int, name.removeprefix("tokens_").split("x"))
        merged[height * width] = height * width * share
        assert others == [share] * work.step
    assert work.tokens_by_grid == {
        grid: {grid - merged.get(grid, 0)} for grid in work.tokens_by_grid
    }
    assert sum(merged.values()) > 0


def _fewer_steps_are_taken(work: Work, skipped: Skipped, batch: int) -> None:
    (share,) = set(skipped["steps"])
    assert len(work.batches) == round(STEPS * (1 - share)) < STEPS


def _predicted_blocks_are_not_computed(work: Work, skipped: Skipped, batch: int) -> None:
    assert work.block_steps == [
        step for step in range(work.step + 1) if not skipped["blocks"][step]
    ]
    assert len(work.block_steps) <= work.step


def _deep_layers_run_at_full_calls_only(work: Work, skipped: Skipped, batch: int) -> None:
    check = (
        _deep_blocks_run_at_whole_steps_only
        if "depth" in skipped
        else _predicted_blocks_are_not_computed
    )
    check(work, skipped, batch)


ONE_CALL = tuple(name for name in EVERY_FAMILY if name not in ("Qwen-Image", "Z-Image"))
"""Families whose denoiser is called once a step with tensors; test_flow_matching.py counts the work
of the others."""


PROMISES: dict[str, Callable[[Work, Skipped, int], None]] = {
    "deepcache": _deep_blocks_run_at_whole_steps_only,
    "tgate": _attention_and_guidance_stop_at_the_gate,
    "tome": _merged_tokens_do_not_reach_attention,
    "pab": _attention_is_not_computed_where_it_is_skipped,
    "cfg_cutoff": _the_batch_is_halved_where_guidance_is_skipped,
    "fewer_steps": _fewer_steps_are_taken,
    "taylorseer": _predicted_blocks_are_not_computed,
    "mag_cache": _predicted_blocks_are_not_computed,
    "step_cache": _deep_layers_run_at_full_calls_only,
}


@pytest.mark.parametrize(
    ("family", "names"),
    alone_and_together(ONE_CALL, ("SDXL", "PixArt-alpha", "SD3.5-medium"), STACKS, turn=0),
)
def test_what_is_told_to_be_skipped_is_really_not_computed(family: str, names: Names) -> None:
    # Scheduler and batch change nothing here, and so each family shows another pair.
    place = EVERY_FAMILY.index(family)
    pipe = quick_pipeline(family, SCHEDULERS[place % 3])
    batch = 1 + place % 2
    stack = make_stack(pipe, names, STEPS)
    # Here the gate cuts DeepCache's rhythm, both of T-GATE's intervals bite, two grids are merged.
    wanted: dict[str, Value] = {
        "tgate.gate_step": 5,
        "tgate.fi_interval": 2,
        "tome.max_downsample": 4,
    }
    # Still there when the gate comes.
    wanted["fewer_steps.num_inference_steps"] = 7
    params = {
        name: wanted[name] if wanted.get(name) in stack.space[name].values else value
        for name, value in working_point(stack).items()
    }
    hits = Hits()

    with stack.applied(pipe, params, hits) as generate:
        work = watch(pipe)
        draw(generate, batch, **CALLS[family])

    for method in stack.methods:
        schedule = method.schedule(own_params(method, params), stack.context_of(method, params))
        if isinstance(schedule, Static):
            PROMISES[method.name](work, schedule.skips, batch)
        else:
            assert hits.calls == work.step + 1
            assert 0 < hits.reused == hits.calls - len(work.block_steps)
