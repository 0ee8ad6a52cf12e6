from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from objectives.quality.picture_grid import GAP_PX, MAX_BYTES, MAX_PICTURES, SIDE_PX, PictureGrid

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def plain(colour: tuple[float, float, float], count: int, size: tuple[int, int]) -> torch.Tensor:
    """Pictures of one colour; size is height and width."""
    return torch.tensor(colour).view(1, 3, 1, 1).expand(count, 3, *size)


def decode(content: bytes | None) -> Image.Image:
    assert content is not None
    image = Image.open(BytesIO(content))
    assert image.format == "WEBP"
    return image.convert("RGB")


def test_no_pair_makes_no_grid() -> None:
    assert PictureGrid().webp() is None


@pytest.mark.parametrize("size", [(64, 64), (1024, 1024)])
def test_the_baseline_is_above_and_the_accelerated_picture_below(size: tuple[int, int]) -> None:
    grid = PictureGrid()
    grid.add(range(2), plain(RED, 2, size), plain(BLUE, 2, size))
    image = decode(grid.webp())
    assert image.size == (2 * SIDE_PX + GAP_PX, 2 * SIDE_PX + GAP_PX)
    pixels = np.asarray(image).astype(int)
    assert (pixels[: SIDE_PX - 8, : SIDE_PX - 8] @ [1, 0, -1] > 200).all()
    assert (pixels[SIDE_PX + 12 :, : SIDE_PX - 8] @ [1, 0, -1] < -200).all()


def test_oblong_pictures_keep_their_shape() -> None:
    grid = PictureGrid()
    grid.add(range(1), plain(RED, 1, (256, 512)), plain(BLUE, 1, (256, 512)))
    assert decode(grid.webp()).size == (SIDE_PX, SIDE_PX + GAP_PX)


def test_pictures_are_collected_over_pairs_each_once_and_no_more_than_fit() -> None:
    grid = PictureGrid()
    for indices in (range(3), range(3), range(3, 6), range(6, 9)):
        grid.add(indices, plain(RED, 3, (8, 8)), plain(BLUE, 3, (8, 8)))
    assert decode(grid.webp()).width == MAX_PICTURES * (SIDE_PX + GAP_PX) - GAP_PX


def test_the_pictures_that_lost_most_are_kept_from_the_worst_on() -> None:
    grid, losses = PictureGrid(), {0: 0.1, 1: 0.5, 2: -0.2, 3: 0.0, 4: 0.3, 5: 0.2, 6: 0.05}
    for indices in (range(3), range(3, 6), range(3, 7)):
        colour = BLUE if indices.start else RED
        known = {index: losses[index] for index in range(indices.stop)}
        count = len(indices)
        grid.add_worst(indices, plain(RED, count, (8, 8)), plain(colour, count, (8, 8)), known)
    assert grid.places == [1, 4, 5, 0]
    pixels = np.asarray(decode(grid.webp())).astype(int)[-SIDE_PX // 2] @ [1, 0, -1]
    middles = [pixels[place * (SIDE_PX + GAP_PX) + SIDE_PX // 2] for place in range(4)]
    assert [middle > 0 for middle in middles] == [True, False, False, True]


def test_what_happens_to_a_tensor_afterwards_does_not_show() -> None:
    grid = PictureGrid()
    baseline = plain(RED, 1, (64, 64)).clone()
    grid.add(range(1), baseline, plain(BLUE, 1, (64, 64)))
    before = grid.webp()
    baseline.zero_()
    assert grid.webp() == before


def test_half_precision_and_values_out_of_range_are_taken() -> None:
    grid = PictureGrid()
    grid.add(range(1), plain((1.5, -0.5, 0.0), 1, (64, 64)).half(), plain(BLUE, 1, (64, 64)).half())
    red, green, _ = np.asarray(decode(grid.webp()))[64, 64]
    assert red > 240 and green < 15


def test_even_noise_stays_within_the_bound() -> None:
    noise = torch.rand(2, MAX_PICTURES, 3, 512, 512, generator=torch.Generator().manual_seed(0))
    grid = PictureGrid()
    grid.add(range(MAX_PICTURES), noise[0], noise[1])
    content = grid.webp()
    assert content is not None
    assert 10_000 < len(content) <= MAX_BYTES
