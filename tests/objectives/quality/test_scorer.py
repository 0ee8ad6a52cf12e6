from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from objectives.errors import InputError
from objectives.quality.scorer import Scorer, clip_scores, find_scorer

PROMPTS = ["a cat", "2 dogs", "a cat"]


def pictures(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(5))


def test_embeddings_have_length_one(scorer: Scorer) -> None:
    for embeddings in (scorer.embed_images(pictures()), scorer.embed_prompts(PROMPTS)):
        assert embeddings.shape == (3, 16)
        assert embeddings.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, rtol=1e-5)


def test_prompts_keep_their_order(scorer: Scorer) -> None:
    cat, dogs, again = scorer.embed_prompts(PROMPTS)
    np.testing.assert_array_equal(cat, again)
    assert cat @ dogs < 0.99
    np.testing.assert_allclose(scorer.embed_prompts(["2 dogs"])[0], dogs, atol=1e-5)


def test_pictures_embed_alike_in_a_batch_and_one_by_one(scorer: Scorer) -> None:
    together = scorer.embed_images(pictures())
    alone = np.concatenate([scorer.embed_images(picture[None]) for picture in pictures()])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert together[0] @ together[1] < 0.99


def test_pictures_are_seen_in_eight_bits(scorer: Scorer) -> None:
    eight_bits = (pictures() * 255).round() / 255
    np.testing.assert_array_equal(
        scorer.embed_images(eight_bits + 0.4 / 255), scorer.embed_images(eight_bits)
    )
    # Rounded, not cut: just under a level counts as that level.
    np.testing.assert_array_equal(
        scorer.embed_images(eight_bits - 0.4 / 255), scorer.embed_images(eight_bits)
    )


def test_values_beyond_white_and_black_are_cut(scorer: Scorer) -> None:
    images = pictures() * 3 - 1
    np.testing.assert_array_equal(
        scorer.embed_images(images), scorer.embed_images(images.clamp(0, 1))
    )


def test_half_precision_pictures_are_taken(scorer: Scorer) -> None:
    eight_bits = (pictures() * 255).round() / 255
    np.testing.assert_array_equal(
        scorer.embed_images(eight_bits.half()), scorer.embed_images(eight_bits)
    )


def test_pictures_of_another_size_are_taken(scorer: Scorer) -> None:
    assert scorer.embed_images(torch.rand(1, 3, 40, 24)).shape == (1, 16)


def test_prompt_beyond_the_text_encoder_is_cut(scorer: Scorer) -> None:
    short, long = scorer.embed_prompts(["a" * 40, "a" * 80])
    np.testing.assert_allclose(short, long, atol=1e-6)


def test_score_is_the_cosine_of_each_picture_with_its_own_prompt() -> None:
    images = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    prompts = np.array([[1, 0], [0, -1], [0.8, 0.6]], dtype=np.float32)
    assert clip_scores(images, prompts) == pytest.approx([1.0, -1.0, 0.96])


def test_loading_leaves_the_global_random_generator_alone(scorer_folder: Path) -> None:
    before = torch.random.get_rng_state()
    Scorer(find_scorer(str(scorer_folder)), torch.device("cpu"))
    assert torch.random.get_rng_state().equal(before)


def test_name_holds_folder_and_fingerprint_and_changes_with_the_weights(
    scorer_folder: Path, tmp_path: Path
) -> None:
    name = find_scorer(str(scorer_folder)).name
    assert name.startswith(f"{scorer_folder.parent.name}/scorer@")
    copy = tmp_path / scorer_folder.parent.name / "scorer"
    copy.mkdir(parents=True)
    for path in scorer_folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    assert find_scorer(str(copy)).name == name
    weights = copy / "open_clip_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert find_scorer(str(copy)).name != name


def test_the_embedded_scorer_goes_by_its_name() -> None:
    assert find_scorer("tiny-shapes").name.startswith("embedded/scorer@")


def test_a_local_checkpoint_is_loaded_and_named_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import open_clip
    from safetensors.torch import save_file

    monkeypatch.setattr("socket.getaddrinfo", _refuse)
    with torch.random.fork_rng(devices=[]):
        model = open_clip.create_model("ViT-S-32-alt")
    file = tmp_path / "mine.safetensors"
    save_file({name: each.contiguous() for name, each in model.state_dict().items()}, file)
    source = find_scorer(f"ViT-S-32-alt:{file}")
    assert source.name.startswith("ViT-S-32-alt:mine.safetensors@")
    embedded = Scorer(source, torch.device("cpu")).embed_images(pictures())
    assert embedded.shape == (3, 256)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("nothing", "give ARCHITECTURE:TAG"),
        ("ViT-L-14:", "give ARCHITECTURE:TAG"),
        ("ViT-L-41:openai", "unknown architecture 'ViT-L-41'"),
        ("ViT-B-32:openia", "did you mean openai?"),
        ("ViT-B-32:missing.safetensors", "no checkpoint missing.safetensors"),
        ("ViT-B-32:weights.pt", "unknown tag 'weights.pt'"),
    ],
)
def test_unknown_scorer_is_refused_in_one_line(given: str, told: str) -> None:
    with pytest.raises(InputError) as refusal:
        find_scorer(given)
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_scorer_out_of_reach_is_refused_with_what_else_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.getaddrinfo", _refuse)
    with pytest.raises(InputError, match=r"ViT-L-14:openai cannot be loaded.*another --scorer"):
        find_scorer("ViT-L-14:openai")


def _refuse(*args: object, **kwargs: object) -> None:
    raise OSError("no network in this test")
