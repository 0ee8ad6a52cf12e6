"""CLIP text encoders that start from the scorer's text weights.

Denoising alone is slow to teach which word belongs to which object.
"""

from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from objectives.embedded.training.scorer import EMBEDDING, TEXT_HEADS, TEXT_LAYERS, TEXT_WIDTH
from objectives.embedded.training.tokenizer import LENGTH

_Encoder = TypeVar("_Encoder", CLIPTextModel, CLIPTextModelWithProjection)


def build_text_encoder(
    kind: type[_Encoder], tokenizer: CLIPTokenizer, scorer: nn.Module, layers: int = TEXT_LAYERS
) -> _Encoder:
    """Build a text encoder on the CPU, with the scorer's text weights to start from.

    Args:
        kind: `CLIPTextModel` or `CLIPTextModelWithProjection`.
        tokenizer: The pipeline's tokenizer.
        scorer: A trained `open_clip.CLIP` of `train_scorer.model_config`.
        layers: How many of the scorer's text layers to take, from the first on.

    Returns:
        The text encoder, in float32.
    """
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        projection_dim=EMBEDDING,
        num_hidden_layers=layers,
        num_attention_heads=TEXT_HEADS,
        max_position_embeddings=LENGTH,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = kind(config)
    # Releases of transformers disagree on whether the names carry a prefix.
    words = "embeddings.token_embedding.weight"
    prefix = next(k for k in model.state_dict() if k.endswith(words)).removesuffix(words)
    start = scorer.state_dict()
    weights = {f"{prefix}{k}": v for k, v in _text_weights(start, layers).items()}
    if isinstance(model, CLIPTextModelWithProjection):
        weights["text_projection.weight"] = start["text_projection"].T
    unknown = model.load_state_dict(weights, strict=False).unexpected_keys
    if unknown:
        raise RuntimeError(f"the text encoder has no {unknown[0]}")
    return model


def _text_weights(clip: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Rename open_clip's text weights to transformers' names."""
    names = {
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }
    weights = {
        "embeddings.token_embedding.weight": clip["token_embedding.weight"],
        "embeddings.position_embedding.weight": clip["positional_embedding"],
    }
    for kind in ("weight", "bias"):
        weights[f"final_layer_norm.{kind}"] = clip[f"ln_final.{kind}"]
        for layer in range(layers):
            old, new = f"transformer.resblocks.{layer}", f"encoder.layers.{layer}"
            for theirs, ours in names.items():
                weights[f"{new}.{ours}.{kind}"] = clip[f"{old}.{theirs}.{kind}"]
            parts = clip[f"{old}.attn.in_proj_{kind}"].chunk(3)
            for part, letter in zip(parts, "qkv", strict=True):
                weights[f"{new}.self_attn.{letter}_proj.{kind}"] = part
    return weights
