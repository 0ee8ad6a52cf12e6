"""What a generation really computes, seen from layers that no method patches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from objectives.pipelines.families import family_of


@dataclass
class Work:
    """What one generation really computed, step by step."""

    batches: list[int] = field(default_factory=list)
    deep_steps: list[int] = field(default_factory=list)
    block_steps: list[int] = field(default_factory=list)
    self_attention_steps: list[int] = field(default_factory=list)
    cross_attention_steps: list[int] = field(default_factory=list)
    tokens_by_grid: dict[int, set[int]] = field(default_factory=dict)
    """Tokens that enter self-attentions, by the tokens of the grid that they come from."""

    @property
    def step(self) -> int:
        return len(self.batches) - 1


def watch(pipe: Any) -> Work:
    """Hook layers that no method patches, so that what is skipped does not count."""
    work = Work()

    def on_call(layer: Any, note: Callable[[torch.Tensor], object]) -> None:
        layer.register_forward_pre_hook(lambda _, inputs: note(inputs[0]))

    on_call(first_layer(pipe), lambda latents: work.batches.append(len(latents)))
    last = dict(_last_block(pipe).named_children())
    norm, attention = (last.get(f"{name}1") or last[name] for name in ("norm", "attn"))
    on_call(norm, lambda _: work.block_steps.append(work.step))
    on_call(attention.to_q, lambda _: work.self_attention_steps.append(work.step))
    if hasattr(pipe, "unet") or type(pipe).__name__.startswith("PixArt"):
        on_call(last["attn2"].to_q, lambda _: work.cross_attention_steps.append(work.step))
    if hasattr(pipe, "unet"):
        unet = pipe.unet
        on_call(unet.mid_block.resnets[0].conv1, lambda _: work.deep_steps.append(work.step))
        for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks):
            for attention in getattr(block, "attentions", []):
                _watch_tokens(attention, work)
    return work


def first_layer(pipe: Any) -> Any:
    """What every call of the denoiser runs, whatever is applied."""
    if hasattr(pipe, "unet"):
        return pipe.unet.conv_in
    names = ("x_embedder", "pos_embed", "t_embedder")
    return next(
        getattr(pipe.transformer, name) for name in names if hasattr(pipe.transformer, name)
    )


def _last_block(pipe: Any) -> Any:
    """The last transformer block; in Stable Diffusion DeepCache computes it at every step."""
    if hasattr(pipe, "transformer"):
        return getattr(pipe.transformer, family_of(type(pipe).__name__).values.blocks[-1])[-1]
    attentions = [block.attentions for block in pipe.unet.up_blocks if hasattr(block, "attentions")]
    return attentions[-1][-1].transformer_blocks[-1]


def _watch_tokens(attention: Any, work: Work) -> None:
    grid = 0

    def note_grid(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        nonlocal grid
        grid = inputs[0].shape[-2] * inputs[0].shape[-1]

    def note_tokens(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        work.tokens_by_grid.setdefault(grid, set()).add(inputs[0].shape[1])

    attention.register_forward_pre_hook(note_grid)
    attention.transformer_blocks[0].attn1.to_q.register_forward_pre_hook(note_tokens)
