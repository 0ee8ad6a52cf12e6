"""What a picture shows, according to the scorer: is the right word the best of all words?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from objectives.embedded.world import SINGLE, VALUES, Scene, caption

ATTRIBUTES: Final = ("colour", "shape", "size", "background", "pattern", "relation")


def alternatives(scene: Scene, field: str) -> list[Scene]:
    """Return the scene with every value of one field, its own value first.

    Wordings in which both objects would have the same shape and colour are left out: the world
    has none, so the scorer never learned what they mean.
    """
    own = getattr(scene, field)
    values = [own, *(v for v in range(len(VALUES[field])) if v != own)]
    scenes = [scene._replace(**{field: v}) for v in values]
    return [scenes[0], *(s for s in scenes[1:] if not _twins(s))]


def _twins(scene: Scene) -> bool:
    same = (scene.shape, scene.colour) == (scene.other_shape, scene.other_colour)
    return scene.relation != SINGLE and same


def correctness(
    features: Tensor, scenes: Sequence[Scene], embed: Callable[[list[str]], Tensor]
) -> Mapping[str, float]:
    """Measure how often the scorer finds each attribute of the caption in the picture.

    Args:
        features: Unit image features (N, D) of the scorer, picture i for scene i.
        scenes: What the pictures should show.
        embed: Gives the unit text features (M, D) of M captions.

    Returns:
        Share in [0, 1] for each of `ATTRIBUTES`. Both objects of a scene count; scenes of one
        object have no relation and don't count there.
    """
    found = found_fields(features, scenes, embed)
    result = {}
    for attribute in ATTRIBUTES:
        right = [
            row[field]
            for row, scene in zip(found, scenes, strict=True)
            for field in _fields(scene, attribute)
        ]
        result[attribute] = float(torch.tensor(right, dtype=torch.float64).mean())
    return result


def found_fields(
    features: Tensor, scenes: Sequence[Scene], embed: Callable[[list[str]], Tensor]
) -> list[dict[str, bool]]:
    """Find for each picture the fields of its scene that the scorer recognises in it.

    Args:
        features: As in `correctness`, like the other arguments.
        scenes: The scenes.
        embed: The text features.
    """
    questions = [
        {
            field: [caption(each) for each in alternatives(scene, field)]
            for attribute in ATTRIBUTES
            for field in _fields(scene, attribute)
        }
        for scene in scenes
    ]
    texts = sorted({text for each in questions for options in each.values() for text in options})
    scores = features @ embed(texts).T
    index = {text: i for i, text in enumerate(texts)}
    return [
        {
            field: int(scores[row, [index[text] for text in options]].argmax()) == 0
            for field, options in each.items()
        }
        for row, each in enumerate(questions)
    ]


def _fields(scene: Scene, attribute: str) -> list[str]:
    if scene.relation == SINGLE:
        return [] if attribute == "relation" else [attribute]
    other = f"other_{attribute}"
    return [attribute, other] if other in VALUES else [attribute]
