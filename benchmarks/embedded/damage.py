"""Which metric sees which damage: pictures of known content, damaged by known amounts.

    python -m benchmarks.embedded.damage

renders scenes of the tiny-shapes world, damages each picture, and takes the loss of every metric
against the undamaged one, as a trial does. Some damage affects pixels, and some what a prompt
asked for: an object in another colour, in another place, or gone. Writes `damage.json` and
`damage.md` into `--out`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from benchmarks.shared.result_files import keep_results, results_parser
from objectives.embedded import world
from objectives.embedded.draw import draw
from objectives.embedded.world import COLOURS, SINGLE, Scene
from objectives.quality import METRICS
from objectives.quality.metric import Drawn, Metric
from objectives.quality.scorer import Scorer, TextEmbeddings, find_scorer
from objectives.statistics import Estimate

SEED = 7

SCENES = 128
"""Pictures of two objects each."""

OPPOSITE = (1, 0, 3, 2)
"""The relation after the two objects have changed places."""

WITHOUT_MODEL = {name: metric for name, metric in METRICS.items() if not metric.loads}
"""The metrics that anybody can measure."""

Damage = Callable[[Tensor], Tensor]


def main() -> None:
    """Measure all damages, and keep a table."""
    options = results_parser(__doc__).parse_args()
    scorer = Scorer(find_scorer("tiny-shapes"), torch.device("cpu"))
    scenes = scenes_of_two(SCENES)
    prompts = [world.caption(scene) for scene in scenes]
    whole = rendered(scenes)
    damaged = {name: damage(whole) for name, damage in pixel_damages().items()}
    damaged |= {name: rendered(shown) for name, shown in content_damages(scenes).items()}
    damaged["drawn anew, from another seed"] = rendered(scenes, SEED + 1)
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": platform.machine(),
        "versions": {name: version(name) for name in ("torch", "torchmetrics", "open_clip_torch")},
        "pictures": len(scenes),
        "losses": {
            name: {metric: asdict(loss) for metric, loss in losses(scorer, prompts, each, whole)}
            for name, each in damaged.items()
        },
    }
    page = as_markdown(results)
    keep_results("damage", results, page, options.out)
    print(page)


def pixel_damages() -> dict[str, Damage]:
    """What is done to the pixels, by name."""

    def blur(sigma: float) -> Damage:
        return lambda pictures: gaussian_blur(pictures, [13, 13], [sigma, sigma])

    def noise(deviation: float) -> Damage:
        def add(pictures: Tensor) -> Tensor:
            generator = torch.Generator().manual_seed(SEED)
            drawn = torch.randn(pictures.shape, generator=generator)
            return (pictures + deviation * drawn).clamp(0, 1)

        return add

    def shift(pixels: int) -> Damage:
        return lambda pictures: torch.roll(pictures, pixels, dims=3)

    return {
        **{f"blurred, {sigma:g} px": blur(sigma) for sigma in (0.5, 1, 2)},
        **{f"noise of {share:.0%}": noise(share) for share in (0.02, 0.05, 0.1)},
        **{f"moved by {pixels} px": shift(pixels) for pixels in (1, 3)},
        "darker by 10%": lambda pictures: 0.9 * pictures,
        "red and blue swapped": lambda pictures: pictures.flip(1),
    }


def content_damages(scenes: Sequence[Scene]) -> dict[str, list[Scene]]:
    """Scenes shown in place of the requested ones, by name; everything else is drawn alike."""
    return {
        "one object recoloured": [
            scene._replace(colour=_other_colour(scene, scene.colour)) for scene in scenes
        ],
        "objects in each other's places": [
            scene._replace(relation=OPPOSITE[scene.relation]) for scene in scenes
        ],
        "one object gone": [scene._replace(relation=SINGLE) for scene in scenes],
    }


def losses(
    scorer: Scorer,
    prompts: Sequence[str],
    pictures: Tensor,
    whole: Tensor,
    metrics: Mapping[str, Metric] = WITHOUT_MODEL,
) -> list[tuple[str, Estimate]]:
    """The loss of each metric, as a trial takes it.

    Args:
        scorer: The scorer of tiny-shapes.
        prompts: What the pictures should show.
        pictures: The damaged ones, shape (prompts, 3, height, width), values 0 to 1.
        whole: The undamaged ones.
        metrics: The metrics, by name.
    """
    drawn = Drawn(
        prompts=prompts,
        prompt_embeddings=scorer.embed_prompts(prompts),
        embeddings=scorer.embed_images(pictures),
        baseline_embeddings=scorer.embed_images(whole),
        embed=TextEmbeddings(scorer),
        pictures=pictures,
        baseline_pictures=whole,
    )
    found = []
    for name, metric in metrics.items():
        before = [] if "pairs" in metric.needs else metric.values(drawn.baseline)
        found.append((name, metric.loss(metric.values(drawn), before)))
    return found


def as_markdown(results: Mapping[str, Any]) -> str:
    """The table, a row for each damage."""
    names = list(WITHOUT_MODEL)
    lines = [
        "# Which metric sees which damage",
        "",
        f"{results['date']}, {results['machine']}; "
        f"{', '.join(f'{name} {each}' for name, each in results['versions'].items())}. "
        f"{results['pictures']} renders of tiny-shapes, two objects each, 64x64; made by "
        "`python -m benchmarks.embedded.damage`. Losses in percent with 95% intervals over "
        "pictures, as a trial has them.",
        "",
        f"| damage | {' | '.join(METRICS[name].title for name in names)} |",
        "|---" * (1 + len(names)) + "|",
    ]
    for damage, found in results["losses"].items():
        cells = [_cell(Estimate(**found[name])) for name in names]
        lines.append(f"| {damage} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(loss: Estimate) -> str:
    return f"{100 * loss.value:z.1f} ({100 * loss.low:z.1f} to {100 * loss.high:z.1f})"


def scenes_of_two(count: int) -> list[Scene]:
    """Scenes of two objects of different colours, so that their places can be told apart."""
    rows = world.sample(4 * count, "held-out", torch.Generator().manual_seed(SEED))
    two = [scene for scene in world.scenes_of(rows) if scene.relation != SINGLE]
    return [scene for scene in two if scene.colour != scene.other_colour][:count]


def rendered(scenes: Sequence[Scene], seed: int = SEED) -> Tensor:
    """Pictures of scenes; with one seed, all that two scenes have in common is drawn alike."""
    return draw(torch.tensor(scenes), torch.Generator().manual_seed(seed))


def _other_colour(scene: Scene, colour: int) -> int:
    """The next colour that neither object has."""
    others = (step % len(COLOURS) for step in range(colour + 1, colour + len(COLOURS)))
    return next(each for each in others if each not in (scene.colour, scene.other_colour))


if __name__ == "__main__":
    main()
