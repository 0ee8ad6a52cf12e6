"""A scorer that does not know the pictures: said at once, and wherever the study is shown."""

from __future__ import annotations

import json
from pathlib import Path

from tests.command_line import run
from tests.tiny_pipelines import PROMPTS, save_tiny

QUICK = (
    "--scheduler DDIM --steps 2 --methods deepcache --trials 1 --num-samples 2 --batch-size 1 "
    "--req-score-loss 0.5 --device cpu --no-confirm"
).split()

DOUBT = "the scorer tiny-shapes knows coloured shapes alone, and not what SD1.5 draws"


def test_scorer_that_does_not_know_the_pictures_is_told_of(tmp_path: Path) -> None:
    model = save_tiny("SD1.5", tmp_path / "tiny", layers_per_block=1)
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS))
    foreign = ["--pipeline", "SD1.5", "--model", str(model), "--prompts", str(prompts)]
    storage = ["--storage", f"sqlite:///{tmp_path}/a.db"]

    done = run("study", *foreign, *QUICK, "--scorer", "tiny-shapes", *storage)
    assert done.returncode == 0
    # Before the first point, and in the end.
    assert done.stderr.index(DOUBT) < done.stderr.index("1/1")
    assert done.stderr.count(DOUBT) == 2

    run("study", "--pipeline", "tiny-shapes", *QUICK, *storage)
    for command in ("front", "bounds", "studies"):
        answer = json.loads(run(command, *storage, "--json").stdout)
        doubts = {each["pipeline"]: each["doubt"] for each in answer}
        assert doubts["tiny-shapes"] is None and DOUBT in doubts["SD1.5"]

    page = tmp_path / "report.html"
    run("report", *storage, "--out", str(page))
    text = page.read_text(encoding="utf-8")
    assert text.count(f"SD1.5 DDIM 2: {DOUBT}") == 1, "at the head"
    assert text.count(f'<p class="doubt">T{DOUBT[1:]}') == 1, "and in its section"

    for command in ("front", "bounds"):
        shown = " ".join(run(command, *storage).stdout.split())
        assert shown.count(f"SD1.5 DDIM 2: {DOUBT}") == 1, shown
        assert "tiny-shapes DDIM 2:" not in shown
