import torch
from torch import Tensor

from objectives.embedded import world
from objectives.embedded.world import SINGLE, Scene
from objectives.embedded.zero_shot import ATTRIBUTES, alternatives, correctness

PAIR = Scene(0, 0, 0, 1, 0, 1, 2, 3, 1, 0)
ALONE = Scene(4, 2, 1, 0, 0, 0, SINGLE, 6, 0, 2)


def _embed(texts: list[str]) -> Tensor:
    """Give features whose products count the fields that two captions share."""
    scenes = torch.tensor([world.parse_caption(text) for text in texts])
    width = 1 + int(max(SINGLE, *map(len, world.VALUES.values())))
    return torch.nn.functional.one_hot(scenes, width).flatten(1).float()


def test_alternatives_begin_with_the_scene_and_leave_out_twins() -> None:
    assert alternatives(ALONE, "pattern")[0] == ALONE
    assert len(alternatives(ALONE, "shape")) == 6
    # The other object is a square of the same colour, so the first one cannot become a square.
    assert len(alternatives(PAIR, "shape")) == 5
    assert len(alternatives(PAIR, "relation")) == 4


def test_a_perfect_picture_is_right_in_everything() -> None:
    scenes = [PAIR, ALONE]
    features = _embed([world.caption(scene) for scene in scenes])
    assert correctness(features, scenes, _embed) == dict.fromkeys(ATTRIBUTES, 1.0)


def test_a_wrong_colour_counts_against_colour_alone() -> None:
    features = _embed([world.caption(PAIR._replace(colour=5))])
    shares = correctness(features, [PAIR], _embed)
    assert shares["colour"] == 0.5
    assert {shares[name] for name in ATTRIBUTES if name != "colour"} == {1.0}
