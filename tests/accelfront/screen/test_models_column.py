"""The column of models: what is said of a study beside its pipeline."""

from __future__ import annotations

from pathlib import Path

from storage.database.opening import open_store
from storage.study_store import attributes as keys
from tests.command_line import run
from tests.made_studies import PROTOCOL, add_study


def test_what_was_chosen_stands_below_the_model(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    add_study(open_store(url, create=True), "deepcache", digest="0a1b2c3d")
    study = add_study(open_store(url), "deepcache", digest="4e5f6a7b")
    chosen = {
        "guidance_scale": 8.0,
        "negative_prompt": "a blue circle",
        "loras": [{"name": "mine@0123456789abcdef", "scale": 0.8, "fused": True}],
    }
    study.set_user_attr(keys.PROTOCOL, PROTOCOL.as_json() | chosen)
    study.set_user_attr(keys.FILES, {"mine@0123456789abcdef": "/far/away/mine.safetensors"})
    # Without spaces, as narrow columns fold.
    said = "".join(run("studies", "--storage", url).stdout.split())
    for text in ("guidance8", "negativepromptabluecircle", "mine.safetensors:0.8"):
        assert said.count(text) == 1
    assert "far" not in said
