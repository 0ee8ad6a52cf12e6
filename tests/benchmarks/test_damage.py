from __future__ import annotations

import torch

from benchmarks.embedded.damage import (
    WITHOUT_MODEL,
    as_markdown,
    content_damages,
    losses,
    pixel_damages,
    rendered,
    scenes_of_two,
)
from objectives.embedded import world
from objectives.quality.scorer import Scorer, find_scorer


def test_no_damage_costs_nothing_and_each_damage_something() -> None:
    scorer = Scorer(find_scorer("tiny-shapes"), torch.device("cpu"))
    scenes = scenes_of_two(4)
    prompts = [world.caption(scene) for scene in scenes]
    whole = rendered(scenes)
    assert all(abs(loss.value) < 1e-6 for _, loss in losses(scorer, prompts, whole, whole))
    damaged = {name: damage(whole) for name, damage in pixel_damages().items()}
    damaged |= {name: rendered(shown) for name, shown in content_damages(scenes).items()}
    found = {name: dict(losses(scorer, prompts, each, whole)) for name, each in damaged.items()}
    assert all(each["psnr"].value > 0 for each in found.values())
    recoloured = found["one object recoloured"]
    assert recoloured["attributes"].value > 0.05 > found["noise of 2%"]["attributes"].value
    page = as_markdown(
        {
            "date": "2026-11-29",
            "machine": "here",
            "versions": {},
            "pictures": 4,
            "losses": {"one object gone": {name: vars(recoloured[name]) for name in WITHOUT_MODEL}},
        }
    )
    assert page.count("\n| one object gone |") == 1
