"""The page on what a CLIP budget lets through, of points whose losses are known."""

from typing import Any

from benchmarks.embedded.blind_spots_page import as_markdown


def point(
    speedup: float, clip: float, attributes: float, ssim: float, *, is_answer: bool = False
) -> dict[str, Any]:
    """A point that lost so much, each loss with an interval of no width."""
    losses = {"clip_loss": clip, "attributes": attributes, "ssim": ssim, "ms_ssim": ssim}
    losses |= {"image_similarity": clip, "psnr": ssim}
    return {
        "params": {"deepcache.cache_interval": 3},
        "speedup": speedup,
        "clip_loss_then": clip,
        "is_answer": is_answer,
        "losses": {name: [loss, loss, loss] for name, loss in losses.items()},
    }


FIRST, SECOND = "tiny-shapes--DDIM--20--deepcache", "tiny-shapes--DDIM--50--deepcache"

PAGE = as_markdown(
    {
        "date": "2026-11-29",
        "device": "device",
        "prompts": 256,
        "versions": {"torch": "2.11.0"},
        "studies": {
            FIRST: [
                point(3.0, 0.01, 0.06, 0.3, is_answer=True),
                point(2.0, 0.00, 0.01, 0.05),
                point(4.0, 0.30, 0.40, 0.5),
            ],
            SECOND: [point(1.5, 0.01, 0.03, 0.15, is_answer=True)],
        },
    }
)


def test_counts_what_points_inside_the_clip_budget_lose_otherwise() -> None:
    """Three points are inside: of attributes two lose more than 2%, and one more than 5%."""
    assert "| deepcache | 3 | 2 (67%) | 1 (33%) | 0 (0%) | 2 (67%) | 1 (33%) |" in PAGE


def test_a_bound_is_the_fastest_point_inside_all_budgets() -> None:
    """By CLIP alone 3.0x and 1.5x; with attributes the first study has 2.0x, the second none."""
    assert "| CLIP loss 2% | 2.25x | 2 of 2 | 2 | 1 |" in PAGE
    assert "| CLIP loss 2% and attributes 2% | 1.50x | 1 of 2 | 0 | 0 |" in PAGE


def test_the_worst_come_first() -> None:
    """What shows least of its prompts, with the loss that CLIP saw."""
    rows = PAGE.partition("## The worst")[2].splitlines()[4:]
    assert rows[0].startswith(f"| {FIRST} | cache_interval 3 | 3.00x | 1.0%")
    assert "6.0%" in rows[0]
