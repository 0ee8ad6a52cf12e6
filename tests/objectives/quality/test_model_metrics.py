"""DINOv2, PickScore, HPS v2 and ImageReward: each gives its library's own figures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import open_clip
import pytest
import timm
import torch
from huggingface_hub.constants import HF_HUB_CACHE
from PIL.Image import Resampling
from safetensors.torch import load_file
from timm.data.config import resolve_model_data_config
from torchvision.transforms.functional import normalize, to_pil_image, to_tensor
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

from objectives.embedded import SCORER_DIR
from objectives.errors import InputError, LoadError
from objectives.quality import METRICS
from objectives.quality.metric import Drawn, Metric
from objectives.quality.metrics.pickscore import CLIP_H
from tests.metric_files import save_clip, save_dino

CPU = torch.device("cpu")

PROMPTS = ["a red circle", "two blue squares above a very large star, " * 20]

DINO = METRICS["dino"]

PICKSCORE = METRICS["pickscore"]

HPSV2 = METRICS["hpsv2"]


def pictures(height: int = 64, width: int = 64, seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed))


def drawn(images: torch.Tensor, baseline: torch.Tensor) -> Drawn:
    none = np.zeros((len(images), 1), dtype=np.float32)
    return Drawn(PROMPTS, none, none, none, lambda _: none, images, baseline)


def loaded(metric: Metric, path: Path) -> Metric:
    return metric.loaded(metric.find(path), CPU)


@pytest.fixture(scope="module")
def dino_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_dino(tmp_path_factory.mktemp("dino") / "dino.safetensors")


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def pickscore(clip_folder: Path) -> Metric:
    return loaded(PICKSCORE, clip_folder)


@pytest.fixture(scope="module")
def hpsv2() -> Metric:
    return loaded(HPSV2, SCORER_DIR)


def test_dino_is_the_cosine_of_timms_features_of_whole_pictures(
    dino_file: Path,
) -> None:
    """At the model's own 518x518 pixels each picture takes a second."""
    model = timm.create_model("vit_small_patch14_dinov2.lvd142m", pretrained=False).eval()
    model.load_state_dict(load_file(dino_file))
    config = resolve_model_data_config(model)
    assert config["input_size"] == (3, 518, 518)
    [wide, _] = pictures(32, 96)
    rim_gone = wide.clone()
    # A crop of the middle would not show it.
    rim_gone[..., :8] = 0

    def features(image: torch.Tensor) -> torch.Tensor:
        squashed = to_pil_image((image * 255).round().byte()).resize((518, 518), Resampling.BICUBIC)
        prepared = normalize(to_tensor(squashed), config["mean"], config["std"])
        with torch.inference_mode():
            return torch.as_tensor(model(prepared[None]))

    [expected] = torch.cosine_similarity(features(rim_gone), features(wide)).tolist()
    dino = loaded(DINO, dino_file)
    [value] = dino.values(drawn(rim_gone[None], wide[None]))
    assert value == pytest.approx(expected, abs=1e-5)
    assert value < 0.9999
    assert dino.loss([value, 1.0], []).value == pytest.approx((1 - value) / 2)


def test_pickscore_is_that_of_its_authors_worked_out_by_hand(
    pickscore: Metric, clip_folder: Path
) -> None:
    model = CLIPModel.from_pretrained(clip_folder).eval()
    images = pictures(48, 64)
    prepare = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    seen = [to_pil_image((each * 255).round().byte()) for each in images]
    with torch.inference_mode():
        vision = model.vision_model(**prepare(seen, return_tensors="pt")).pooler_output
        text = model.text_model(open_clip.tokenize(PROMPTS)).pooler_output
        of_pictures = torch.nn.functional.normalize(model.visual_projection(vision))
        of_prompts = torch.nn.functional.normalize(model.text_projection(text))
        expected = model.logit_scale.exp() * (of_pictures * of_prompts).sum(dim=1)
    values = pickscore.values(drawn(images, images))
    assert values == pytest.approx(expected.tolist(), rel=1e-4)
    assert abs(values[0] - values[1]) > 0.01


def test_hpsv2_is_open_clips_score_of_the_whole_picture(hpsv2: Metric) -> None:
    model, prepare = open_clip.create_model_from_pretrained(
        f"local-dir:{SCORER_DIR}", image_resize_mode="longest"
    )
    model.eval()
    tokenize = open_clip.get_tokenizer(f"local-dir:{SCORER_DIR}")
    wide = pictures(32, 96)
    seen = torch.stack([prepare(to_pil_image((each * 255).round().byte())) for each in wide])
    with torch.inference_mode():
        logits, _ = model.get_logits(seen, tokenize(PROMPTS))
    values = hpsv2.values(drawn(wide, wide))
    assert values == pytest.approx(logits.diagonal().tolist(), rel=1e-4)
    cropped = wide.clone()
    cropped[..., :16] = 0
    assert hpsv2.values(drawn(cropped, wide)) != pytest.approx(values, rel=1e-3)


def test_hpsv2_prefers_pictures_of_their_prompts(hpsv2: Metric) -> None:
    """The shipped scorer is a CLIP too, and knows what these show."""
    from objectives.embedded import world
    from objectives.embedded.draw import draw

    rows = world.sample(24, "held-out", torch.Generator().manual_seed(3))
    scenes = world.scenes_of(rows)
    prompts = [world.caption(scene) for scene in scenes]
    whole = draw(torch.tensor(scenes), torch.Generator().manual_seed(0))
    none = np.zeros((len(scenes), 1), dtype=np.float32)
    right = Drawn(prompts, none, none, none, lambda _: none, whole, whole)
    wrong = Drawn(prompts, none, none, none, lambda _: none, whole.roll(1, dims=0), whole)
    loss = hpsv2.loss(hpsv2.values(wrong), hpsv2.values(right))
    assert 0.4 < loss.low < loss.value <= loss.high <= 0.5
    gain = hpsv2.loss(hpsv2.values(right), hpsv2.values(wrong))
    assert gain.value == pytest.approx(-loss.value)
    none_lost = hpsv2.loss(hpsv2.values(right), hpsv2.values(right.baseline))
    assert (none_lost.value, none_lost.low, none_lost.high) == (0, 0, 0)


def test_a_preference_is_a_chance_and_goes_by_differences_alone() -> None:
    """By hand: the logistic function of log 3 is three quarters."""
    behind = float(np.log(3))
    for shift in (-1000.0, 0.0, 21.0):
        values = [shift, shift + 0.5]
        baseline = [value + behind for value in values]
        loss = PICKSCORE.loss(values, baseline)
        assert loss.value == pytest.approx(0.25)
        assert PICKSCORE.losses(values, baseline) == pytest.approx([0.25, 0.25])
        assert PICKSCORE.loss(baseline, values).value == pytest.approx(-0.25)
    assert PICKSCORE.loss([0.0, 0.0], [5000.0, 5000.0]).value == 0.5
    # A reward is in units of 1.0333 logits.
    reward = behind / 1.0333394966054072
    assert METRICS["image_reward"].loss([0.0, 0.0], [reward, reward]).value == pytest.approx(0.25)


def test_a_file_alone_is_of_the_real_architecture(
    clip_folder: Path, pickscore: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.device("meta"):
        real = CLIPModel(CLIPConfig(**CLIP_H)), open_clip.create_model("ViT-H-14", device="meta")
    ours, theirs = (sum(each.numel() for each in model.parameters()) for model in real)
    assert ours == theirs == 986_109_441
    # That one is of 4 GB, so the tiny one stands in for it.
    tiny = CLIPConfig.from_pretrained(clip_folder).to_dict()
    parts = {name: tiny[name] for name in ("projection_dim", "text_config", "vision_config")}
    monkeypatch.setattr("objectives.quality.metrics.pickscore.CLIP_H", parts)
    both = drawn(pictures(), pictures())
    alone = loaded(PICKSCORE, clip_folder / "model.safetensors")
    assert alone.values(both) == pickscore.values(both)


@pytest.mark.parametrize("metric", [PICKSCORE, HPSV2], ids=lambda metric: metric.name)
def test_an_empty_folder_is_refused(metric: Metric, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=f"--weights {metric.name}={tmp_path}: it holds no .*; giv"
    ):
        metric.find(tmp_path)


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"projection_dim": 8, "text_config": 1}'])
def test_a_config_that_is_none_is_refused(tmp_path: Path, clip_folder: Path, content: str) -> None:
    folder = tmp_path / "clip"
    shutil.copytree(clip_folder, folder)
    (folder / "config.json").write_text(content)
    with pytest.raises(LoadError, match="it is no config of a CLIP; give the weights of PickScore"):
        loaded(PICKSCORE, folder)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("dino", "timm/vit_small_patch14_dinov2.lvd142m"),
        ("pickscore", "yuvalkirstain/PickScore_v1"),
        ("hpsv2", "xswu/HPSv2"),
    ],
)
def test_what_was_never_fetched_is_refused_with_how_to_fetch_it(name: str, address: str) -> None:
    assert not (Path(HF_HUB_CACHE) / f"models--{address.replace('/', '--')}").exists()
    with pytest.raises(InputError) as refusal:
        METRICS[name].find(None)
    told = str(refusal.value)
    assert told.startswith(f"{name} needs the ") and "\n" not in told
    assert f"give --weights {name}=FILE, or fetch it once with: hf download {address} " in told


def test_image_reward_is_refused_where_its_package_is_not(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs the package image-reward, which cannot be importe"):
        METRICS["image_reward"].find(tmp_path)


@pytest.mark.parametrize("error", ["ImportError", "AttributeError", "RuntimeError"])
def test_image_reward_is_refused_where_its_package_cannot_be_imported(
    error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when it asks transformers for what a later one has dropped."""
    package = tmp_path / "ImageReward"
    package.mkdir()
    (package / "__init__.py").write_text(f"raise {error}('no such name')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"cannot be imported \(no such name\); install"):
        METRICS["image_reward"].find(tmp_path)
