"""Training the scorer: a small open_clip model of the same world, separate from the generator."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import open_clip
import torch
from open_clip.model import CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from objectives.embedded import world
from objectives.embedded.draw import PIXELS, draw
from objectives.embedded.training.loop import Budget, TrainingResult, fit
from objectives.embedded.training.tokenizer import LENGTH, CaptionTokens, build_tokenizer
from objectives.embedded.world import COLUMN, SINGLE, VALUES

EMBEDDING: Final = 128
TEXT_WIDTH: Final = 96
TEXT_LAYERS: Final = 4
TEXT_HEADS: Final = 4
PIXEL_MEAN: Final = 0.5
PIXEL_STD: Final = 0.25
NOISE: Final = 0.05
"""Largest standard deviation of the noise added to training pictures, of a range of 1."""


@dataclass(frozen=True)
class Scorer:
    """A scorer in training: the open_clip model and the heads that are discarded afterwards."""

    model: open_clip.CLIP
    heads: nn.ModuleDict


def model_config(vocabulary: int) -> dict[str, object]:
    """Return open_clip's configuration of the scorer, for a vocabulary of this size."""
    return {
        "embed_dim": EMBEDDING,
        "vision_cfg": {
            "image_size": PIXELS,
            "layers": 4,
            "width": 128,
            "head_width": 32,
            "patch_size": 8,
        },
        "text_cfg": {
            "context_length": LENGTH,
            "vocab_size": vocabulary,
            "width": TEXT_WIDTH,
            "heads": TEXT_HEADS,
            "layers": TEXT_LAYERS,
            # With a name given here, open_clip reads the tokenizer from the model's own folder.
            "hf_tokenizer_name": "tiny-shapes",
        },
    }


def build_scorer(vocabulary: int, device: torch.device) -> Scorer:
    """Build an untrained scorer, with one linear head for every attribute of a scene."""
    config = model_config(vocabulary)
    with torch.device(device):
        model = open_clip.CLIP(
            embed_dim=EMBEDDING,
            vision_cfg=CLIPVisionCfg(**config["vision_cfg"]),  # type: ignore[arg-type]
            text_cfg=CLIPTextCfg(**config["text_cfg"]),  # type: ignore[arg-type]
        )
        heads = nn.ModuleDict(
            {
                field: nn.Linear(EMBEDDING, len(words) + (field == "relation"))
                for field, words in VALUES.items()
            }
        )
    return Scorer(model, heads)


def scorer_loss(scorer: Scorer, batch: Mapping[str, Tensor]) -> Tensor:
    """Contrastive loss in which equal scenes share the target, plus the attribute heads' losses.

    Args:
        scorer: The scorer.
        batch: `pictures` (N, 3, 64, 64), normalised; `tokens` (N, 32); `scenes` (N, 10).

    Returns:
        A scalar.
    """
    image = scorer.model.encode_image(batch["pictures"], normalize=True).float()
    text = scorer.model.encode_text(batch["tokens"], normalize=True).float()
    # A picture does not show its wording: two wordings of one scene fit it equally well.
    seen = batch["scenes"][:, : COLUMN["template"]]
    same = (seen[:, None] == seen[None]).all(dim=2).float()
    target = same / same.sum(dim=1, keepdim=True)
    logits = scorer.model.logit_scale.exp().clamp(max=100) * image @ text.T
    contrast = functional.cross_entropy(torch.cat([logits, logits.T]), target.repeat(2, 1))
    heads = torch.stack(
        [_head_loss(scorer.heads, 8 * features, batch["scenes"]) for features in (image, text)]
    )
    return contrast + 0.5 * heads.mean()


def _head_loss(heads: nn.ModuleDict, features: Tensor, scenes: Tensor) -> Tensor:
    single = scenes[:, COLUMN["relation"]] == SINGLE
    losses = []
    for field, head in heads.items():
        target = scenes[:, COLUMN[field]]
        if field.startswith("other_"):
            target = target.masked_fill(single, -100)
        losses.append(functional.cross_entropy(head(features).float(), target))
    return torch.stack(losses).mean()


def train_scorer(out: Path, device: torch.device, seed: int, budget: Budget) -> TrainingResult:
    """Train the scorer and write it, with its tokenizer, as an open_clip folder.

    Args:
        out: Folder to write, created if missing.
        device: Where to train.
        seed: Seed of the weights and of the data; two runs agree as far as the device does.
        budget: How long to train.

    Returns:
        How the training went.
    """
    tokenizer = build_tokenizer()
    tokens_of = CaptionTokens(tokenizer, device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        scorer = build_scorer(len(tokenizer), device)
    generator = torch.Generator(device).manual_seed(seed)

    def batches(_: int) -> dict[str, Tensor]:
        scenes = world.sample(budget.batch, "train", generator)
        pictures = draw(scenes, generator)
        level = torch.rand(budget.batch, 1, 1, 1, generator=generator, device=device) * NOISE
        noise = torch.randn(pictures.shape, generator=generator, device=device)
        pictures = ((pictures + level * noise).clamp(0, 1) - PIXEL_MEAN) / PIXEL_STD
        return {"pictures": pictures, "tokens": tokens_of(scenes), "scenes": scenes}

    average, outcome = fit(
        nn.ModuleDict({"model": scorer.model, "heads": scorer.heads}),
        lambda batch: scorer_loss(scorer, batch),
        batches,
        budget,
        "scorer",
    )
    save_scorer(average["model"], out)
    tokenizer.save_pretrained(out)
    return outcome


def save_scorer(model: nn.Module, out: Path) -> None:
    """Write an open_clip model as half-precision safetensors with its configuration."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {k: v.detach().half().cpu().contiguous() for k, v in model.state_dict().items()}
    save_file(weights, out / "open_clip_model.safetensors", metadata={"format": "pt"})
    config = {
        "model_cfg": model_config(model.state_dict()["token_embedding.weight"].shape[0]),
        "preprocess_cfg": {
            "mean": [PIXEL_MEAN] * 3,
            "std": [PIXEL_STD] * 3,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }
    text = json.dumps(config, indent=2, sort_keys=True)
    (out / "open_clip_config.json").write_text(text + "\n", encoding="utf-8")
