import pytest
import torch

from objectives.embedded import PROMPTS_FILE, world
from objectives.embedded.draw import PIXELS, draw


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_same_seed_gives_same_scenes_and_pictures() -> None:
    first, second = _generator(3), _generator(3)
    scenes = world.sample(32, "train", first)
    assert torch.equal(scenes, world.sample(32, "train", second))
    assert torch.equal(draw(scenes, first), draw(scenes, second))
    assert not torch.equal(scenes, world.sample(32, "train", _generator(4)))


def test_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    generator = _generator()
    draw(world.sample(8, "held-out", generator), generator)
    world.balanced_captions(8, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_pictures_have_the_promised_shape_and_range() -> None:
    generator = _generator()
    pictures = draw(world.sample(64, "train", generator), generator)
    assert pictures.shape == (64, 3, PIXELS, PIXELS)
    assert pictures.dtype == torch.float32
    assert 0 <= float(pictures.min()) and float(pictures.max()) <= 1
    assert float(pictures.std(dim=(1, 2, 3)).min()) > 0.01


def test_no_training_scene_shows_a_held_out_object() -> None:
    for scene in world.scenes_of(world.sample(5000, "train", _generator())):
        assert scene.shape != world.held_out_shape(scene.colour, scene.background)
        if scene.relation != world.SINGLE:
            forbidden = world.held_out_shape(scene.other_colour, scene.background)
            assert scene.other_shape != forbidden


def test_every_held_out_scene_shows_nothing_else() -> None:
    scenes = world.scenes_of(world.sample(5000, "held-out", _generator()))
    assert all(world.is_held_out(scene) for scene in scenes)


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_objects_of_a_scene_differ_and_every_value_occurs(split: world.Split) -> None:
    scenes = world.scenes_of(world.sample(5000, split, _generator()))
    for scene in scenes:
        if scene.relation == world.SINGLE:
            assert (scene.other_shape, scene.other_colour, scene.other_size) == (0, 0, 0)
        else:
            assert (scene.shape, scene.colour) != (scene.other_shape, scene.other_colour)
    for field, words in world.VALUES.items():
        seen = {getattr(s, field) for s in scenes if s.relation != world.SINGLE}
        assert seen == set(range(len(words)))
    singles = sum(s.relation == world.SINGLE for s in scenes) / len(scenes)
    assert singles == pytest.approx(world.SINGLE_SHARE, abs=0.03)


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_captions_parse_back(split: world.Split) -> None:
    for scene in world.scenes_of(world.sample(1000, split, _generator())):
        assert world.parse_caption(world.caption(scene)) == scene


@pytest.mark.parametrize(
    "text", ["", "a red circle", "a large red circle on a plain sky background"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a caption"):
        world.parse_caption(text)


def test_first_object_stands_where_the_caption_says() -> None:
    for relation, (x, y) in enumerate([(-1, 0), (1, 0), (0, -1), (0, 1)]):
        scene = world.Scene(0, 0, 0, 1, 5, 1, relation, 0, 0, 0)
        picture = draw(torch.tensor([scene]), _generator())[0]
        red = picture[0] > 0.5
        rows, columns = red.nonzero(as_tuple=True)
        middle = PIXELS / 2
        assert (float(columns.float().mean()) - middle) * x + (
            float(rows.float().mean()) - middle
        ) * y > 5


def test_prompts_are_distinct_held_out_captions_balanced_from_the_top() -> None:
    captions = PROMPTS_FILE.read_text(encoding="utf-8").splitlines()
    assert len(captions) >= 128
    assert len(set(captions)) == len(captions)
    scenes = [world.parse_caption(caption) for caption in captions]
    assert all(world.is_held_out(scene) for scene in scenes)
    assert captions == world.balanced_captions(len(captions), seed=0)
    first = scenes[:32]
    assert sum(s.relation == world.SINGLE for s in first) == 8
    for field in ("shape", "colour", "size", "background", "pattern", "template"):
        counts = torch.bincount(torch.tensor([getattr(s, field) for s in first]))
        assert int(counts.max() - counts.min()) <= 2
