from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from accel_space.applying import find_methods
from accel_space.errors import RefusedError
from accel_space.method import Choices, Context, Value
from accel_space.methods import METHODS
from accel_space.profile import SchedulerProfile
from accel_space.stack import Stack
from objectives.pipelines.families.unet import UNetConfig
from storage.records.points import by_short_names, point_key
from tests.tiny_pipelines import draw, tiny_context, tiny_sd


def test_an_unknown_method_is_refused_with_the_names_of_the_known() -> None:
    with pytest.raises(RefusedError, match="'deepcash'; the methods are deepcache, tgate, tom"):
        find_methods(["tome", "deepcash"])


def test_a_name_given_twice_counts_once() -> None:
    assert find_methods(["tome", "tome"]) == (METHODS["tome"],)


def test_methods_are_applied_deepcache_first_and_tome_last() -> None:
    methods = find_methods(["tome", "tgate", "deepcache"])

    assert [method.name for method in methods] == ["deepcache", "tgate", "tome"]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["tgate", "cfg_cutoff"], "cfg_cutoff and tgate .*: both end the guidance; leave one"),
        (["tgate", "pab"], "pab and tgate .*: both replace the attentions' forward; leave one"),
        (["pab", "deepcache"], "PAB counts an attention's calls"),
        (["taylorseer", "deepcache"], "TaylorSeer counts a block's calls"),
        (["tome", "pab"], "ToMe would unmerge an earlier step's self-attention"),
    ],
)
def test_a_conflict_is_refused_with_its_reason(names: list[str], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        find_methods(names)


def test_the_space_of_a_stack_joins_those_of_its_methods() -> None:
    stack = Stack(tiny_context(tiny_sd(), ["tome", "deepcache"]))

    assert list(stack.space) == [
        "deepcache.cache_interval",
        "deepcache.cache_branch_id",
        "tome.ratio",
        "tome.max_downsample",
    ]
    assert stack.grid_size == 4 * 4 * 8 * 4


def test_points_come_in_the_order_of_the_grid() -> None:
    stack = Stack(tiny_context(tiny_sd(), ["deepcache"], 20))

    assert stack.points == [
        {"deepcache.cache_interval": interval, "deepcache.cache_branch_id": branch}
        for interval, branch in product((2, 3, 4, 5), (0, 1, 2, 3))
    ]


def test_the_empty_stack_has_one_point() -> None:
    stack = Stack(tiny_context(tiny_sd(), []))

    assert stack.points == [{}]
    assert stack.default == {}
    assert stack.grid_size == 1


def test_changing_a_point_leaves_the_stack_as_it_is() -> None:
    stack = Stack(tiny_context(tiny_sd(), ["deepcache"]))

    stack.points[0]["deepcache.cache_interval"] = 99
    stack.canonical(stack.points[0])["deepcache.cache_interval"] = 99

    assert stack.points[0]["deepcache.cache_interval"] == 2


@pytest.mark.parametrize(
    "params",
    [
        {"tome.ratio": 0.5},
        {"tome.ratio": 0.5, "tome.max_downsample": 1, "deepcache.cache_interval": 2},
        {},
    ],
)
def test_missing_and_unknown_parameters_are_refused(params: dict[str, Value]) -> None:
    pipe = tiny_sd()
    stack = Stack(tiny_context(pipe, ["tome"]))

    with pytest.raises(RefusedError, match="has the parameters ratio, max_downsample"):
        stack.canonical(params)
    with pytest.raises(RefusedError, match="ratio, max_down"), stack.applied(pipe, params):
        pass


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cache_interval", 0),
        ("cache_interval", 2.5),
        ("cache_interval", "3"),
        ("cache_interval", True),
        ("cache_branch_id", -1),
        ("ratio", float("nan")),
        ("ratio", float("inf")),
        ("ratio", -0.1),
        ("ratio", None),
    ],
)
def test_a_value_that_is_no_number_of_its_kind_is_refused(name: str, value: Any) -> None:
    pipe = tiny_sd()
    stack = Stack(tiny_context(pipe, ["deepcache", "tome"]))
    params = {**by_short_names(stack.default), name: value}

    with pytest.raises(RefusedError, match=f"{name} must be a"):
        stack.canonical(params)
    with pytest.raises(RefusedError, match=f"{name} must be a"), stack.applied(pipe, params):
        pass


def test_equal_numbers_are_written_alike() -> None:
    stack = Stack(tiny_context(tiny_sd(), ["deepcache", "tome"]))
    given = {
        "tome.max_downsample": 1.0,
        "tome.ratio": 1,
        "deepcache.cache_branch_id": 7.0,
        "deepcache.cache_interval": 3.0,
    }

    assert point_key(stack.canonical(given)) == (
        "cache_interval=3 cache_branch_id=7 ratio=1 max_downsample=1"
    )


def test_nearly_equal_numbers_are_written_apart() -> None:
    assert point_key({"tome.ratio": 0.12345678}) != point_key({"tome.ratio": 0.12345679})


def test_a_default_must_be_a_choice() -> None:
    with pytest.raises(ValueError, match="the default 3 must be one of"):
        Choices((1, 2), default=3)


FEW_METHODS = sorted(
    names for names in product(*((name, "") for name in METHODS)) if 1 <= sum(map(bool, names)) <= 2
)
"""All stacks but the full one, whose grid takes too long to walk in each example."""


def _timesteps(steps: int) -> tuple[float, ...]:
    return tuple(1000.0 * step // steps - 1 for step in range(steps, 0, -1))


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    sides = st.integers(2, 40)
    blocks = draw(st.lists(st.sampled_from(["DownBlock2D", "CrossAttnDownBlock2D"]), max_size=4))
    steps = draw(st.integers(2, 30))
    unet = UNetConfig(sample_size=64, down_block_types=[*blocks, "DownBlock2D"])
    profile = unet.profile("StableDiffusionPipeline", (draw(sides), draw(sides)))
    context = Context(
        profile=profile,
        scheduler=SchedulerProfile("DDIMScheduler", 1, _timesteps(steps), _timesteps),
        steps=steps,
        guidance_scale=7.5,
        methods=frozenset(draw(st.sampled_from(FEW_METHODS))) - {""},
    )
    try:
        return Stack(context)
    except RefusedError:
        assume(False)
        raise


@st.composite
def stacks_and_params(draw: st.DrawFn) -> tuple[Stack, dict[str, Value]]:
    """Parameters are drawn from the grid, near it and far from it."""
    stack = draw(stacks())
    params: dict[str, Value] = {}
    for name, choices in stack.space.items():
        beyond: st.SearchStrategy[Value]
        if isinstance(choices.default, int):
            beyond = st.integers(int(choices.least), 40)
        else:
            beyond = st.floats(choices.least, 1.5)
        params[name] = draw(st.sampled_from(choices.values) | beyond)
    try:
        stack.canonical(params)
    except RefusedError:
        assume(False)
    return stack, params


SOME = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@SOME
@given(stacks_and_params())
def test_canonical_skips_the_same_and_is_its_own(drawn: tuple[Stack, dict[str, Value]]) -> None:
    stack, params = drawn
    canonical = stack.canonical(params)

    assert stack.schedule(canonical) == stack.schedule(params)
    assert stack.canonical(canonical) == canonical


@SOME
@given(stacks_and_params())
def test_canonical_is_a_point_if_any_set_of_the_grid_skips_the_same(
    drawn: tuple[Stack, dict[str, Value]],
) -> None:
    stack, params = drawn
    wanted = stack.schedule(params)
    grid = (
        dict(zip(stack.space, values, strict=True))
        for values in product(*(choices.values for choices in stack.space.values()))
    )

    in_grid = any(stack.schedule(candidate) == wanted for candidate in grid)

    inert = wanted.is_plain
    assert (stack.canonical(params) in stack.points) == (in_grid and not inert)


@SOME
@given(stacks())
def test_a_space_is_ascending_without_repeats(stack: Stack) -> None:
    for choices in stack.space.values():
        assert list(choices.values) == sorted(set(choices.values))
        assert choices.least <= choices.values[0]


BARE: dict[str, Any] = {
    "down_block_types": ("DownBlock2D",) * 4,
    "up_block_types": ("UpBlock2D",) * 4,
}


def test_a_point_that_leaves_nothing_out_is_none() -> None:
    # The mid block alone attends, on 2x2 tokens, and a tenth of four is none.
    pipe = tiny_sd(**BARE)
    stack = Stack(tiny_context(pipe, ["tome"]))

    with stack.applied(pipe, {"tome.ratio": 0.1, "tome.max_downsample": 8}) as generate:
        assert torch.equal(draw(generate), draw(pipe))

    assert stack.grid_size == 8
    assert [point["tome.ratio"] for point in stack.points] == [0.3, 0.5, 0.75]


def test_what_reuses_attention_finds_none_in_a_unet_without() -> None:
    pipe = tiny_sd(**BARE, mid_block_type="UNetMidBlock2D")

    with pytest.raises(RefusedError, match="PAB reuses attention, and this denoiser has none"):
        Stack(tiny_context(pipe, ["pab"]))
    gates = Stack(tiny_context(pipe, ["tgate"])).points
    assert [point["tgate.gate_step"] for point in gates] == [5, 6, 7]
