from __future__ import annotations

from pathlib import Path

import pytest

from objectives.errors import InputError
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.model import find_model
from tests.tiny_pipelines import save_tiny, tiny_pipeline

SDXL = PIPELINES["SDXL"]


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no network in this test")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


def test_a_folder_is_named_by_its_content(tmp_path: Path) -> None:
    one, other = (find_model(SDXL, str(save_tiny("SDXL", tmp_path / n / "m")), None) for n in "ab")
    assert one.name.startswith("m@")
    assert one.name == other.name
    assert one.architecture == other.architecture
    assert one.variant is None


def test_weights_of_a_variant_are_told(tmp_path: Path) -> None:
    tiny_pipeline("SDXL").save_pretrained(tmp_path / "m", variant="fp16")
    assert find_model(SDXL, str(tmp_path / "m"), None).variant == "fp16"


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("model", [None, "somebody/something"])
def test_out_of_reach_is_told_in_one_line_with_what_to_do(model: str | None) -> None:
    with pytest.raises(InputError) as refusal:
        find_model(SDXL, model, None)
    told = str(refusal.value)
    assert told.startswith(str(model or SDXL.model))
    assert "--model FOLDER" in told
    assert "\n" not in told


@pytest.mark.usefixtures("no_network")
def test_a_pinned_revision_is_named_when_it_cannot_be_had() -> None:
    with pytest.raises(InputError, match="at revision 0123abc"):
        find_model(SDXL, None, "0123abc")


@pytest.mark.parametrize("model", ["nowhere", "./a/b/c", "a b/c"])
def test_what_is_neither_folder_nor_address_is_refused(model: str) -> None:
    with pytest.raises(InputError, match="neither a folder nor an address"):
        find_model(SDXL, model, None)


def test_a_revision_of_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--revision"):
        find_model(SDXL, str(tmp_path), "main")
