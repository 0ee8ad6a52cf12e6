"""Skip layers of a denoiser: those of a UNet's two ways, or a transformer's blocks.

`state.full` says whether a call computes everything. A full call hands the result of the layers
that others skip to `keep`. Any other call uses what `predicted` returns instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def skip_denoiser(
    denoiser: Any,
    state: Any,
    keep: Callable[[Any], None],
    predicted: Callable[[], Any],
) -> None:
    """Skip the whole denoiser, and return the prediction as its output."""
    import torch

    forward, lists = denoiser.forward, False

    def run(*args: Any, **kwargs: Any) -> Any:
        nonlocal lists
        if not state.full:
            given = predicted()
            return (list(given) if lists else given,)
        output = forward(*args, **kwargs)
        lists = isinstance(output[0], list)
        keep(torch.stack(output[0]) if lists else output[0])
        return output

    denoiser.forward = run


def skip_blocks(
    row: Sequence[Any],
    kept_layers: int,
    state: Any,
    keep: Callable[[Any], None],
    predicted: Callable[[], Any],
) -> None:
    """Predict what the blocks after the kept ones add to the picture."""
    both: dict[int, bool] = {}

    def reusing(place: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            picture = picture_given(args, kwargs)
            if state.full:
                if place == kept_layers:
                    state.before = picture
                output = forward(*args, **kwargs)
                both[place] = isinstance(output, tuple)
                if place == len(row) - 1:
                    keep((output[1] if both[place] else output) - state.before)
                    state.before = None
                return output
            if place == kept_layers:
                picture = picture + predicted()
            # Where picture and prompt are joined, the prompt's part comes first.
            if both[place]:
                return kwargs["encoder_hidden_states"], picture
            return picture

        return run

    for place, block in enumerate(row):
        if place >= kept_layers:
            block.forward = reusing(place, block.forward)


def picture_given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The picture's part of a layer's arguments: given by keyword, or first."""
    return kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]


def unet_skipper(
    state: Any, keep: Callable[[Any], None], predicted: Callable[[], Any]
) -> Callable[..., None]:
    """Make a function that skips a module of a UNet at all calls but the full ones."""

    def skip(held: Any, instead: Callable[[Any], Any], is_edge: bool = False) -> None:
        forward = held.forward

        def run(*args: Any, **kwargs: Any) -> Any:
            if not state.full:
                return instead(predicted() if is_edge else picture_given(args, kwargs))
            output = forward(*args, **kwargs)
            if is_edge:
                keep(output[0] if isinstance(output, tuple) else output)
            return output

        held.forward = run

    return skip


def passed_on(hidden: Any) -> Any:
    """The output of a skipped layer: its input."""
    return hidden


def passed_on_alone(hidden: Any) -> Any:
    """The output of a skipped attention: its input, in a tuple of one."""
    return (hidden,)


def skip_layer(block: Any, place: int, skip: Any, is_edge: bool = False) -> None:
    """Skip one resnet of a block, and its attention if it has one."""
    attentions = getattr(block, "attentions", None)
    skip(block.resnets[place], passed_on, is_edge=is_edge and not attentions)
    if attentions:
        skip(attentions[place], passed_on_alone, is_edge=is_edge)


def skip_way_down(unet: Any, kept_layers: int, skip: Callable[..., None]) -> None:
    """Skip all but `kept_layers` layers of a UNet's way down; downsamplers count."""
    left = kept_layers
    for block in unet.down_blocks:
        layers, samplers = len(block.resnets), block.downsamplers or ()
        count = layers + len(samplers)

        def with_layers(hidden: Any, count: int = count) -> Any:
            # Only layers that are skipped as well read what goes to the way up.
            return hidden, (hidden,) * count

        if left <= 0:
            skip(block, with_layers)
        else:
            for place in range(left, layers):
                skip_layer(block, place, skip)
            for sampler in samplers if left <= layers else ():
                skip(sampler, passed_on)
        left -= count


def skip_way_up(unet: Any, kept_layers: int, skip: Callable[..., None]) -> None:
    """Skip the mid block, and the layers of the way up that no kept layer feeds.

    The way up has one layer more, for the input of the way down's first layer.
    """
    left = kept_layers + 1
    deep = [each for each in (unet.mid_block, *unet.up_blocks) if each is not None]
    while deep[-1] is not unet.mid_block and left >= len(deep[-1].resnets):
        left -= len(deep.pop().resnets)
    *whole, edge = deep
    for block in whole:
        skip(block, passed_on)
    if left == 0 or edge is unet.mid_block:
        skip(edge, passed_on, is_edge=True)
        return
    skipped = len(edge.resnets) - left
    for place in range(skipped):
        skip_layer(edge, place, skip, is_edge=place == skipped - 1)
