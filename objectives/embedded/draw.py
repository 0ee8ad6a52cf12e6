"""Drawing the scenes of `tiny-shapes` as pictures, from signed distances, on any device."""

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from objectives.embedded.world import COLUMN, SINGLE

PIXELS: Final = 64
"""Width and height of a picture."""

OBJECT_RGB: Final = (
    (0.86, 0.09, 0.11),
    (0.98, 0.52, 0.05),
    (0.97, 0.90, 0.14),
    (0.13, 0.70, 0.18),
    (0.22, 0.86, 0.92),
    (0.14, 0.30, 0.95),
    (0.58, 0.17, 0.80),
    (1.00, 0.55, 0.76),
)
"""Red, green and blue in [0, 1], in the order of `world.COLOURS`."""

BACKGROUND_RGB: Final = (
    (0.05, 0.05, 0.05),
    (0.48, 0.48, 0.48),
    (0.94, 0.94, 0.94),
    (0.06, 0.09, 0.34),
    (0.38, 0.22, 0.09),
    (0.00, 0.39, 0.38),
    (0.87, 0.79, 0.63),
)
"""Red, green and blue in [0, 1], in the order of `world.BACKGROUNDS`."""

RADII: Final = (0.19, 0.11)
"""Radius of an object as a share of the picture's side, in the order of `world.SIZES`."""

DIRECTIONS: Final = ((-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (0.0, 0.0))
"""Position of the first object relative to the second: x to the right, y down; none if single."""

PATTERN_CONTRAST: Final = 0.17
STRIPE_PIXELS: Final = 4
CHECKER_PIXELS: Final = 8


def draw(scenes: Tensor, generator: torch.Generator) -> Tensor:
    """Draw scenes, each with a small jitter of place, radius and colour.

    Args:
        scenes: Scenes of shape (N, 10), int64, as `world.sample` returns them.
        generator: Source of the jitter, on the device of the scenes.

    Returns:
        Pictures of shape (N, 3, 64, 64), float32, values in [0, 1].
    """
    count, device = len(scenes), scenes.device

    def jitter(width: int, reach: float) -> Tensor:
        noise = torch.rand(count, width, generator=generator, device=device)
        return (2 * noise - 1) * reach

    relation = scenes[:, COLUMN["relation"]]
    single = (relation == SINGLE)[:, None]
    step = 0.24 * torch.tensor(DIRECTIONS, device=device)[relation]
    wander = torch.where(single, 0.12, 0.03)
    picture = _background(scenes, jitter(3, 0.03))
    for prefix, side in (("", 1.0), ("other_", -1.0)):
        centre = 0.5 + side * step + wander * jitter(2, 1.0)
        radius = torch.tensor(RADII, device=device)[scenes[:, COLUMN[f"{prefix}size"]]]
        distance = _distance(
            scenes[:, COLUMN[f"{prefix}shape"]], centre, radius * (1 + jitter(1, 0.06)[:, 0])
        )
        cover = (0.5 - distance * PIXELS).clamp(0, 1)[:, None]
        if prefix:
            cover = cover.masked_fill(single[:, :, None, None], 0.0)
        rgb = torch.tensor(OBJECT_RGB, device=device)[scenes[:, COLUMN[f"{prefix}colour"]]]
        rgb = (rgb + jitter(3, 0.03)).clamp(0, 1)[:, :, None, None]
        picture = torch.lerp(picture, rgb.expand_as(picture), cover.expand_as(picture))
    return picture


def _background(scenes: Tensor, colour_jitter: Tensor) -> Tensor:
    device = scenes.device
    rgb = torch.tensor(BACKGROUND_RGB, device=device)[scenes[:, COLUMN["background"]]]
    rgb = (rgb + colour_jitter).clamp(0, 1)
    # Dark grounds get lighter marks and light ones darker marks, so that no mark is clipped away.
    change = torch.where(rgb.mean(dim=1) > 0.45, -PATTERN_CONTRAST, PATTERN_CONTRAST)
    pixel = torch.arange(PIXELS, device=device)
    stripes = (pixel // STRIPE_PIXELS % 2)[:, None].expand(PIXELS, PIXELS)
    cells = pixel // CHECKER_PIXELS
    checkers = (cells[:, None] + cells[None, :]) % 2
    marks = torch.stack([torch.zeros_like(checkers), stripes, checkers])
    mask = marks[scenes[:, COLUMN["pattern"]]][:, None].float()
    return (rgb[:, :, None, None] + change[:, None, None, None] * mask).clamp(0, 1)


def _distance(shape: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """Signed distance of every pixel to the edge of its picture's object, as a share of the side.

    Args:
        shape: Indices into `world.SHAPES`, of shape (N,).
        centre: Centres of shape (N, 2), x then y.
        radius: Radii of shape (N,).

    Returns:
        Distances of shape (N, 64, 64), negative inside.
    """
    axis = (torch.arange(PIXELS, device=shape.device) + 0.5) / PIXELS
    x = axis[None, None, :] - centre[:, 0, None, None]
    y = axis[None, :, None] - centre[:, 1, None, None]
    radius = radius[:, None, None]
    kinds: tuple[Callable[[Tensor, Tensor, Tensor], Tensor], ...] = (
        lambda x, y, r: torch.hypot(x, y) - r,
        lambda x, y, r: torch.maximum(x.abs(), y.abs()) - 0.86 * r,
        lambda x, y, r: _spikes(x, y - 0.12 * r, 1.2 * r, points=3, waist=0.5),
        lambda x, y, r: _spikes(x, y, 1.16 * r, points=5, waist=0.44),
        lambda x, y, r: (torch.hypot(x, y) - 0.76 * r).abs() - 0.24 * r,
        _cross,
    )
    result = torch.zeros_like(x + y)
    for index, kind in enumerate(kinds):
        result = torch.where((shape == index)[:, None, None], kind(x, y, radius), result)
    return result


def _cross(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    x, y = x.abs(), y.abs()
    return torch.maximum(torch.maximum(x, y) - 1.02 * radius, torch.minimum(x, y) - 0.36 * radius)


def _spikes(x: Tensor, y: Tensor, radius: Tensor, points: int, waist: float) -> Tensor:
    """Distance to a star with one point up; a waist of cos(pi / points) is a plain polygon."""
    sector = 2 * math.pi / points
    # The angle from the nearest point of the star, mirrored: every edge becomes the same one.
    angle = torch.atan2(x, -y)
    angle = (angle - sector * torch.round(angle / sector)).abs()
    reach = torch.hypot(x, y)
    along, across = reach * angle.cos(), reach * angle.sin()
    valley_x, valley_y = waist * math.cos(sector / 2), waist * math.sin(sector / 2)
    length = math.hypot(1 - valley_x, valley_y)
    normal_x, normal_y = valley_y / length, (1 - valley_x) / length
    return (along - radius) * normal_x + across * normal_y
