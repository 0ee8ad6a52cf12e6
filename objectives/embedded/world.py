"""The world of `tiny-shapes`: which scenes exist, how they are drawn at random, and how they read.

A scene is one object, or two in a relation, on a patterned background. Scenes are passed as integer
tensors of shape (N, 10), one column per field of `Scene`, because training draws millions of them.

One shape is held out for every pair of object colour and background: no training scene shows it,
every evaluation scene shows nothing else.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor

Split = Literal["train", "held-out"]
_Index = TypeVar("_Index", int, Tensor)

SHAPES: Final = ("circle", "square", "triangle", "star", "ring", "cross")
COLOURS: Final = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
SIZES: Final = ("large", "small")
RELATIONS: Final = ("to the left of", "to the right of", "above", "below")
BACKGROUNDS: Final = ("black", "gray", "white", "navy", "brown", "teal", "beige")
PATTERNS: Final = ("plain", "striped", "checkered")

TEMPLATES: Final = 3
"""The number of ways to word a scene."""

SINGLE: Final = len(RELATIONS)
"""Value of `Scene.relation` if there is one object; its second object's fields are then 0."""

SINGLE_SHARE: Final = 0.25


class Scene(NamedTuple):
    """One scene as indices into the tuples above; `relation` says where its first object is."""

    shape: int
    colour: int
    size: int
    other_shape: int
    other_colour: int
    other_size: int
    relation: int
    background: int
    pattern: int
    template: int


VALUES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "shape": SHAPES,
        "colour": COLOURS,
        "size": SIZES,
        "other_shape": SHAPES,
        "other_colour": COLOURS,
        "other_size": SIZES,
        "relation": RELATIONS,
        "background": BACKGROUNDS,
        "pattern": PATTERNS,
    }
)
"""The fields that a picture shows."""

COLUMN: Final[Mapping[str, int]] = MappingProxyType({f: i for i, f in enumerate(Scene._fields)})
"""Column of a field in a scene tensor."""


def held_out_shape(colour: _Index, background: _Index) -> _Index:
    """Return the shape that is never trained with this object colour on this background."""
    return (colour + background) % len(SHAPES)


def is_held_out(scene: Scene) -> bool:
    """Say whether every object of the scene is a combination kept out of training."""
    first = scene.shape == held_out_shape(scene.colour, scene.background)
    if scene.relation == SINGLE:
        return first
    return first and scene.other_shape == held_out_shape(scene.other_colour, scene.background)


def sample(count: int, split: Split, generator: torch.Generator) -> Tensor:
    """Draw scenes at random.

    Args:
        count: How many scenes.
        split: `train` never holds a held-out combination, `held-out` holds nothing else.
        generator: Source of randomness; the scenes are made on its device.

    Returns:
        Scenes of shape (count, 10), int64, one column per field of `Scene`.
    """
    device = generator.device

    def draw(low: int, high: int) -> Tensor:
        return torch.randint(low, high, (count,), generator=generator, device=device)

    colours, shapes = len(COLOURS), len(SHAPES)
    background = draw(0, len(BACKGROUNDS))
    # 1 to 5 of 6 places away from the held-out shape: every other shape, equally often.
    none = torch.zeros_like(background)
    away = [draw(1, shapes) if split == "train" else none for _ in range(2)]
    colour, other_colour, shift = draw(0, colours), draw(0, colours), draw(1, colours)
    shape = (held_out_shape(colour, background) + away[0]) % shapes
    other_shape = (held_out_shape(other_colour, background) + away[1]) % shapes
    # A caption could not distinguish two objects of the same shape and colour.
    twins = (shape == other_shape) & (colour == other_colour)
    other_colour = torch.where(twins, (other_colour + shift) % colours, other_colour)
    other_shape = (held_out_shape(other_colour, background) + away[1]) % shapes
    size, other_size = draw(0, len(SIZES)), draw(0, len(SIZES))
    relation, pattern, template = draw(0, SINGLE), draw(0, len(PATTERNS)), draw(0, TEMPLATES)
    single = torch.rand(count, generator=generator, device=device) < SINGLE_SHARE
    other = torch.stack([other_shape, other_colour, other_size]).masked_fill(single, 0)
    relation = relation.masked_fill(single, SINGLE)
    first = torch.stack([shape, colour, size])
    rest = torch.stack([relation, background, pattern, template])
    return torch.cat([first, other, rest]).T.contiguous()


def scenes_of(rows: Tensor) -> list[Scene]:
    """Turn a scene tensor of shape (N, 10) into N scenes."""
    return [Scene(*row) for row in rows.tolist()]


def caption(scene: Scene) -> str:
    """Word a scene.

    Args:
        scene: The scene; its template chooses the wording.

    Returns:
        For example `a large red ring above a small blue star on a striped navy background`.
    """
    text = f"a {SIZES[scene.size]} {COLOURS[scene.colour]} {SHAPES[scene.shape]}"
    if scene.relation != SINGLE:
        other = f"{SIZES[scene.other_size]} {COLOURS[scene.other_colour]}"
        text += f" {RELATIONS[scene.relation]} a {other} {SHAPES[scene.other_shape]}"
    ground = f"on a {PATTERNS[scene.pattern]} {BACKGROUNDS[scene.background]} background"
    wordings = (f"{text} {ground}", f"a picture of {text} {ground}", f"{ground}, {text}")
    return wordings[scene.template]


def parse_caption(text: str) -> Scene:
    """Read a caption back into the scene it words.

    Args:
        text: A caption as `caption` writes it.

    Returns:
        The scene, with `caption(parse_caption(text)) == text`.

    Raises:
        ValueError: If the text is not a caption of this world.
    """
    for template, pattern in enumerate(_caption_patterns()):
        match = re.fullmatch(pattern, text)
        if match is None:
            continue
        found = {
            field: words.index(match[field]) if match[field] else 0
            for field, words in VALUES.items()
        }
        if match["relation"] is None:
            found["relation"] = SINGLE
        return Scene(**found, template=template)
    raise ValueError(f"not a caption of the tiny-shapes world: {text!r}")


def _caption_patterns() -> tuple[str, str, str]:
    group = {field: f"(?P<{field}>{'|'.join(words)})" for field, words in VALUES.items()}
    first = f"a {group['size']} {group['colour']} {group['shape']}"
    other = f"a {group['other_size']} {group['other_colour']} {group['other_shape']}"
    subject = f"{first}(?: {group['relation']} {other})?"
    ground = f"on a {group['pattern']} {group['background']} background"
    return (f"{subject} {ground}", f"a picture of {subject} {ground}", f"{ground}, {subject}")


def balanced_captions(count: int, seed: int) -> list[str]:
    """Choose distinct held-out captions so that every beginning of the list is balanced.

    Each next caption is the one from a large random pool whose attribute values were used least;
    every fourth one has a single object.

    Args:
        count: How many captions, at most a few hundred.
        seed: Seed of the pool.

    Returns:
        `count` distinct captions.
    """
    generator = torch.Generator().manual_seed(seed)
    pool = torch.unique(sample(16 * count, "held-out", generator), dim=0)
    pool = pool[torch.randperm(len(pool), generator=generator)]
    hot = torch.cat([_one_hot(pool, field) for field in Scene._fields], dim=1)
    rarity = 1.0 / hot.mean(dim=0).clamp_min(1e-6)
    used = torch.zeros_like(rarity)
    free = torch.ones(len(pool), dtype=torch.bool)
    single = pool[:, COLUMN["relation"]] == SINGLE
    chosen: list[Scene] = []
    for position in range(count):
        # Squared use over expected use: the next pick evens out the fullest value first.
        cost = hot @ ((2 * used + 1) * rarity)
        allowed = free & (single == (position % round(1 / SINGLE_SHARE) == 0))
        best = int(torch.where(allowed, cost, torch.inf).argmin())
        free[best] = False
        used += hot[best]
        chosen += scenes_of(pool[best : best + 1])
    return [caption(scene) for scene in chosen]


def _one_hot(rows: Tensor, field: str) -> Tensor:
    values = rows[:, COLUMN[field]]
    hot = torch.nn.functional.one_hot(values).float()
    if field.startswith("other_"):
        hot = hot.masked_fill((rows[:, COLUMN["relation"]] == SINGLE)[:, None], 0.0)
    return hot
