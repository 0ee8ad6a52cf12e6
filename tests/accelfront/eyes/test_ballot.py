"""The blind page's order, its pictures, and the files of votes that people send back."""

from __future__ import annotations

import base64
import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from accelfront.eyes.ballot import shuffled
from storage.database.opening import Store
from storage.database.votes import read_votes
from storage.reading.studies import read_studies
from storage.records.conclusions.win_rate import WinRate
from tests.accelfront.eyes.made import BASELINE, HEIGHT, NAME, PAIRS, WIDTH, grey_of
from tests.command_line import Answer, run


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def grey(address: str) -> int:
    """The grey of a picture, which is of one alone."""
    _, content = address.split(",")
    with Image.open(BytesIO(base64.b64decode(content))) as picture:
        assert abs(picture.width / picture.height - WIDTH / HEIGHT) < 0.05
        low, high = picture.convert("L").getextrema()
    assert isinstance(low, int) and isinstance(high, int) and high - low < 6
    return (low + high) // 2


def blind(url: str, out: Path, *arguments: str) -> Answer:
    return run("compare", *arguments, "--blind", "--out", str(out), "--storage", url)


def test_an_order_follows_from_its_seed_and_every_pair_has_its_own_stream() -> None:
    assert shuffled(8, "a") == shuffled(8, "a") != shuffled(8, "b")
    assert sorted(place.pair for place in shuffled(8, "a")) == list(range(8))
    less = {place.pair: place.shown_first for place in shuffled(5, "a")}
    more = {place.pair: place.shown_first for place in shuffled(8, "a")}
    assert more | less == more
    # Neither side is favoured: 400 flips, four standard deviations.
    firsts = [place.shown_first for seed in range(50) for place in shuffled(8, str(seed))]
    assert abs(firsts.count("trial") - 200) < 40
    assert len({tuple(place.pair for place in shuffled(3, str(n))) for n in range(50)}) == 6


@pytest.mark.parametrize("trials", [("1",), ("0", "1")])
def test_the_pictures_are_those_of_the_sides_that_they_are_said_to_be(
    url: str, tmp_path: Path, trials: tuple[str, ...]
) -> None:
    page = tmp_path / "blind.html"
    answer = blind(url, page, *trials)
    assert answer.returncode == 0 and f"asks about {PAIRS} pairs" in answer.stderr
    data = data_of(page.read_text())
    rival = BASELINE if trials == ("1",) else grey_of(0)
    for pair in data["pairs"]:
        # Trial 0 is from before it was kept which prompts are seen.
        assert pair["prompt"] == (f"prompt {pair['pair'] + 1}" if trials == ("1",) else "")
        first, second = (grey(source) for source in pair["pictures"])
        trial, other = (first, second) if pair["shown_first"] == "trial" else (second, first)
        assert abs(trial - (grey_of(1) + 10 * pair["pair"])) < 5
        assert abs(other - (rival + 10 * pair["pair"])) < 5
    # Nothing that is seen before the end tells whose they are.
    seen = re.sub(r"<(style|script).*?</\1>", "", page.read_text(), flags=re.DOTALL)
    assert "trial" not in seen and "baseline" not in seen


def filed(**changes: object) -> list[dict[str, object]]:
    vote = {"pair": 0, "shown_first": "rival", "winner": "trial"}
    return [vote | {"voted_at": "2026-01-02T03:04:05Z"} | changes]


def votes_file(path: Path, **changes: object) -> Path:
    votes = [*filed(), *filed(pair=1, winner="neither")]
    content = {
        "format": "accelfront votes 1", "trial": f"{NAME}/1", "rival": "baseline", "voter": "Ada",
        "votes": votes,
    }  # fmt: skip
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def test_a_file_of_votes_is_kept_with_their_times(url: str, store: Store, tmp_path: Path) -> None:
    file = votes_file(tmp_path / "votes.json")
    answer = run("import", "votes", str(file), "--storage", url)
    assert (answer.returncode, answer.stdout) == (0, "")
    assert answer.stderr == f"2 votes on trial 1 beside the baseline of {NAME} kept\n"
    first, *others = read_votes(store.engine, [1])
    assert str(first.voted_at) == "2026-01-02 03:04:05" and len(others) == 1
    rival = votes_file(tmp_path / "rival.json", rival=f"{NAME}/0", voter="Bo")
    assert run("import", "votes", str(rival), "--storage", url).returncode == 0
    [study] = read_studies(store)
    rate = WinRate(1, 1, 0)
    assert study.votes[1] == {"baseline": rate, f"{NAME}/0": rate}
    assert "votes 75%" in run("front", "--storage", url).stdout
    [front] = json.loads(run("front", "--json", "--storage", url).stdout)
    assert front["front"][0]["votes"]["baseline"]["wins"] == 1


def test_an_import_tells_the_votes_that_count_and_keeps_each_once(
    url: str, store: Store, tmp_path: Path
) -> None:
    votes = [
        *filed(),
        *filed(pair=1),
        *filed(pair=1, winner="withdrawn", voted_at="2026-01-02T03:04:06.125Z"),
        *filed(pair=1, winner="rival", voted_at="2026-01-02T03:04:07Z"),
    ]
    file = votes_file(tmp_path / "votes.json", votes=votes)
    on = f"on trial 1 beside the baseline of {NAME} kept"
    assert run("import", "votes", str(file), "--storage", url).stderr == f"2 votes {on}\n"
    # The person thinks again, so that what came first counts no more.
    votes += filed(winner="neither", voted_at="2026-01-03T00:00:00Z")
    later = votes_file(tmp_path / "later.json", votes=votes)
    answer = run("import", "votes", str(later), "--storage", url)
    assert answer.stderr == f"1 vote {on}; 1 vote of the file is there already\n"
    answer = run("import", "votes", str(file), "--storage", url)
    assert answer.stderr == f"0 votes {on}; 2 votes of the file are there already\n"
    assert len(read_votes(store.engine, [1])) == 5
    [study] = read_studies(store)
    assert study.votes[1]["baseline"] == WinRate(0, 1, 1)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "x"}, "is no file of votes; name one that was saved on a page of `accelfront"),
        ({"voter": "\n"}, "is no file of votes"),
        ({"votes": filed(pair=-1)}, "is no file of votes"),
        ({"votes": filed(pair=10**20)}, "is no file of votes"),
        ({"votes": filed(winner="nobody")}, "is no file of votes"),
        ({"votes": filed(voted_at="0001-01-01T00:00:00+14:00")}, "is no file of votes"),
        ({"votes": filed(voted_at="9999-12-31T23:59:59-14:00")}, "is no file of votes"),
        ({"trial": "nobody/1"}, "has no study 'nobody'"),
        ({"rival": f"{NAME}/9"}, "trial 9 of"),
    ],
)
def test_a_file_that_is_none_is_told_in_one_line_and_nothing_is_kept(
    url: str, store: Store, tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    file = votes_file(tmp_path / "votes.json", **changes)
    answer = run("import", "votes", str(file), "--storage", url)
    assert answer.returncode == 2 and told in answer.stderr and answer.stderr.count("\n") == 1
    assert read_votes(store.engine, [1]) == []
