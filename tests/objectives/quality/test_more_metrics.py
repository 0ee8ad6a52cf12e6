"""The metrics that a study keeps where it is asked to: MS-SSIM and attributes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from objectives.embedded import world
from objectives.embedded.draw import draw
from objectives.embedded.world import RELATIONS, SINGLE, Scene
from objectives.quality import METRICS
from objectives.quality.metric import Drawn, Use
from objectives.quality.metrics.ms_ssim import WEIGHTS
from objectives.quality.scorer import Scorer, TextEmbeddings, find_scorer

CAPTION = "a large red ring above a small blue star on a striped navy background"

ATTRIBUTES = METRICS["attributes"]

MS_SSIM = METRICS["ms_ssim"]


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(find_scorer("tiny-shapes"), torch.device("cpu"))


def pair(pictures: torch.Tensor, baseline: torch.Tensor) -> Drawn:
    none = np.zeros((len(pictures), 1), dtype=np.float32)
    return Drawn([CAPTION] * len(pictures), none, none, none, lambda _: none, pictures, baseline)


def use(prompt: str = CAPTION, scorer: str = "embedded/scorer@0", side: int = 64) -> Use:
    return Use([prompt], scorer, side, side)


def scenes(count: int) -> list[Scene]:
    generator = torch.Generator().manual_seed(3)
    rows = world.sample(count, "held-out", generator)
    return [scene for scene in world.scenes_of(rows) if scene.relation != SINGLE]


def rendered(shown: list[Scene]) -> torch.Tensor:
    return draw(torch.tensor(shown), torch.Generator().manual_seed(0))


def shares(scorer: Scorer, shown: list[Scene], asked: list[Scene]) -> list[float]:
    """How much of what captions say the renders of other scenes show."""
    prompts = [world.caption(scene) for scene in asked]
    embeddings = scorer.embed_images(rendered(shown))
    return ATTRIBUTES.values(
        Drawn(
            prompts, scorer.embed_prompts(prompts), embeddings, embeddings, TextEmbeddings(scorer)
        )
    )


@pytest.mark.parametrize("side", [11, 21, 22, 43, 44, 64, 87, 88, 98, 99, 175, 176, 256])
def test_ms_ssim_takes_pictures_of_any_size_that_holds_a_window(side: int) -> None:
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand(2, 3, side, side + 5, generator=generator)
    noise = 0.2 * torch.rand(picture.shape, generator=generator)
    assert MS_SSIM.why_not(use(side=side)) == ""
    assert MS_SSIM.values(pair(picture, picture)) == pytest.approx([1, 1], abs=1e-5)
    assert all(0 < value < 1 for value in MS_SSIM.values(pair(picture + noise, picture)))


def test_ms_ssim_of_one_scale_is_ssim_and_of_five_that_of_the_paper() -> None:
    generator = torch.Generator().manual_seed(0)
    small = torch.rand(1, 3, 20, 20, generator=generator)
    [value] = MS_SSIM.values(pair(small * 0.8, small))
    assert METRICS["ssim"].values(pair(small * 0.8, small)) == pytest.approx([value], abs=1e-5)
    # A smooth picture darkened alike all over keeps its structure at each scale: the luminance of
    # the coarsest scale alone is lost, to the power of that scale's weight.
    flat = torch.full((1, 3, 192, 192), 0.8)
    [value] = MS_SSIM.values(pair(flat / 2, flat))
    c1 = 0.01**2
    luminance = (2 * 0.4 * 0.8 + c1) / (0.4**2 + 0.8**2 + c1)
    assert value == pytest.approx(luminance ** WEIGHTS[-1], abs=1e-4)


def test_ms_ssim_is_refused_where_no_window_fits() -> None:
    assert "11 pixels, and a picture has 8x8" in MS_SSIM.why_not(use(side=8))


def test_true_renders_show_all_that_their_prompts_say(scorer: Scorer) -> None:
    asked = scenes(24)
    assert np.mean(shares(scorer, asked, asked)) > 0.98


def test_a_wrong_colour_is_one_of_nine_and_a_swap_of_places_one_too(scorer: Scorer) -> None:
    asked = [scene for scene in scenes(60) if scene.colour != scene.other_colour][:24]
    turned = {"above": "below", "below": "above"} | {
        "to the left of": "to the right of",
        "to the right of": "to the left of",
    }
    others = [
        scene._replace(relation=RELATIONS.index(turned[RELATIONS[scene.relation]]))
        for scene in asked
    ]
    assert np.mean(shares(scorer, others, asked)) == pytest.approx(8 / 9, abs=0.04)
    recoloured = [scene._replace(background=(scene.background + 1) % 7) for scene in asked]
    assert np.mean(shares(scorer, recoloured, asked)) == pytest.approx(8 / 9, abs=0.04)


def test_attributes_are_refused_where_the_scorer_or_the_prompts_are_of_another_world() -> None:
    assert ATTRIBUTES.why_not(use()) == ""
    assert "ViT-L-14:openai scores" in ATTRIBUTES.why_not(use(scorer="ViT-L-14:openai"))
    assert "'a cat' is none" in ATTRIBUTES.why_not(use("a cat"))


def test_a_text_is_embedded_once(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    embed = TextEmbeddings(scorer)
    first = embed([CAPTION, "a circle", CAPTION])
    assert np.array_equal(first[0], first[2])
    monkeypatch.setattr(scorer, "embed_prompts", None)
    assert np.array_equal(embed(["a circle", CAPTION]), first[[1, 0]])
