from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from diffusers import StableDiffusionPipeline
from diffusers.hooks.hooks import HookRegistry
from diffusers.hooks.hooks import ModelHook as HookOfDiffusers

from accel_space.handed_over.installing import restored
from accel_space.stack import Stack
from tests.accel_space.pipe_state import assert_same_state, pipe_state
from tests.tiny_pipelines import draw, tiny_context, tiny_sd


@pytest.fixture
def pipe() -> Any:
    return tiny_sd()


def _many_methods(pipe: Any) -> Stack:
    return Stack(tiny_context(pipe, ["deepcache", "tgate", "tome"]))


def test_whatever_is_patched_is_put_back(pipe: Any) -> None:
    before = pipe_state(pipe)
    unet = pipe.unet

    with restored(pipe):
        unet.__class__ = type("Patched", (type(unet),), {})
        unet.forward = lambda *_: None
        unet.note = "added"
        unet.register_forward_hook(lambda *_, **__: None, with_kwargs=True, always_call=True)
        unet.mid_block = None
        unet.conv_in.register_forward_pre_hook(lambda *_: None)
        pipe.note = "added"
        pipe.scheduler = None
        del pipe.vae_scale_factor

    assert_same_state(pipe_state(pipe), before)


def test_hooks_from_before_still_fire_and_can_still_be_removed(
    pipe: Any,
) -> None:
    calls: list[str] = []
    hook = pipe.unet.register_forward_pre_hook(
        lambda *_, **__: calls.append("unet"), with_kwargs=True
    )
    stack = _many_methods(pipe)
    before = pipe_state(pipe)

    with stack.applied(pipe, stack.default) as generate:
        draw(generate)
    assert_same_state(pipe_state(pipe), before)

    calls.clear()
    draw(pipe)
    assert len(calls) == 8
    hook.remove()
    draw(pipe)
    assert len(calls) == 8


class CountsCalls(ModelHook):
    def __init__(self) -> None:
        self.calls = 0

    def pre_forward(self, module: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return args, kwargs


def test_forwards_that_others_wrapped_before_stay_wrapped(pipe: Any) -> None:
    attention = pipe.unet.mid_block.attentions[0].transformer_blocks[0].attn1
    hook = CountsCalls()
    add_hook_to_module(attention, hook)
    plain = draw(pipe)
    stack = _many_methods(pipe)
    before = pipe_state(pipe)

    with stack.applied(pipe, stack.default) as generate:
        draw(generate)

    assert_same_state(pipe_state(pipe), before)
    hook.calls = 0
    assert torch.equal(draw(pipe), plain)
    assert hook.calls == 8


class DoublesOutput(HookOfDiffusers):
    def post_forward(self, module: Any, output: Any) -> Any:
        return 2 * output


@pytest.mark.parametrize("methods", [["pab"], ["pab", "cfg_cutoff"]])
def test_hooks_of_diffusers_from_before_stay_registered(pipe: Any, methods: list[str]) -> None:
    without = draw(pipe)
    attention = pipe.unet.mid_block.attentions[0].transformer_blocks[0].attn1
    registry = HookRegistry.check_if_exists_or_initialize(attention)
    registry.register_hook(DoublesOutput(), "doubles")
    plain = draw(pipe)
    stack = Stack(tiny_context(pipe, methods))
    before = pipe_state(pipe)

    with stack.applied(pipe, stack.default) as generate:
        draw(generate)

    assert_same_state(pipe_state(pipe), before)
    assert list(registry.hooks) == ["doubles"]
    assert torch.equal(draw(pipe), plain)
    registry.remove_hook("doubles")
    assert torch.equal(draw(pipe), without)


def test_a_registry_of_diffusers_from_before_forgets_the_hooks_below_it(pipe: Any) -> None:
    """It keeps a list of them, and the next stack's hooks would not be in it."""
    HookRegistry.check_if_exists_or_initialize(pipe.unet).register_hook(HookOfDiffusers(), "ours")
    stack = Stack(tiny_context(pipe, ["taylorseer"]))
    pictures = []

    for _ in range(2):
        with stack.applied(pipe, stack.default) as generate:
            pictures.append(draw(generate))

    assert torch.equal(*pictures)


def test_a_pipe_that_shares_components_is_restored_too(pipe: Any) -> None:
    twin: Any = StableDiffusionPipeline(**pipe.components, requires_safety_checker=False)
    twin.set_progress_bar_config(disable=True)
    plain = draw(twin)
    stack = _many_methods(pipe)
    before = pipe_state(twin)

    with stack.applied(pipe, stack.default) as generate:
        draw(generate)

    assert_same_state(pipe_state(twin), before)
    assert torch.equal(draw(twin), plain)


def test_cached_features_are_freed_on_leaving(pipe: Any) -> None:
    stack = Stack(tiny_context(pipe, ["deepcache"]))
    features: list[weakref.ref[torch.Tensor]] = []
    gc.disable()
    try:
        with stack.applied(pipe, stack.default) as generate:
            pipe.unet.mid_block.register_forward_hook(
                lambda _, __, output: features.append(weakref.ref(output))
            )
            draw(generate)
            assert features[-1]() is not None
        assert features[-1]() is None
    finally:
        gc.enable()
