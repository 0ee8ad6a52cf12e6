"""Shared code of the methods that use diffusers' stateful hooks (diffusers.hooks)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accel_space.denoiser import conditional_half


def with_new_states(denoiser: Any, generate: Callable[..., Any]) -> Callable[..., Any]:
    """Make a call that empties the hooks' states before each picture.

    The hooks keep one state per context. A pipeline that names no context needs only
    one for all calls, because each call holds both halves of a guided batch.
    """
    from diffusers.hooks.hooks import CacheContext, HookRegistry, _set_cache_context

    registry = HookRegistry.check_if_exists_or_initialize(denoiser)
    # A pipeline that names contexts may have listed the hooks before there were any.
    registry.invalidate_child_registries_cache()

    def generate_anew(*args: Any, **kwargs: Any) -> Any:
        registry.reset_stateful_hooks()
        _set_cache_context(denoiser, CacheContext("cond_uncond"))
        return generate(*args, **kwargs)

    return generate_anew


def with_text_outputs(denoiser: Any) -> None:
    """Let every block pass on the prompt's part, because the hooks expect one.

    The last block of Stable Diffusion 3 computes none, because nothing reads it.
    """

    def with_text(forward: Callable[..., Any]) -> Callable[..., Any]:
        def forward_with_text(*args: Any, **kwargs: Any) -> Any:
            text, picture = forward(*args, **kwargs)
            return kwargs["encoder_hidden_states"] if text is None else text, picture

        return forward_with_text

    for block in getattr(denoiser, "transformer_blocks", ()):
        if getattr(block, "context_pre_only", False):
            block.forward = with_text(block.forward)


def halve_states(pipe: Any, denoiser: Any, batch: int) -> None:
    """Halve the hooks' states of a guided batch, for an unguided one."""
    for module in denoiser.modules():
        registry = getattr(module, "_diffusers_hook", None)
        for hook in registry.hooks.values() if registry else ():
            for state in hook.state_manager._state_cache.values():
                vars(state).update(conditional_half(vars(state), batch))
