"""Scorers in files: which of their contents reach a loader, and which are refused before."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from objectives.errors import LoadError
from objectives.files import read_text
from objectives.model_files.weights import tensor_shapes

CONFIG = "open_clip_config.json"

PART = "the scorer"

REMEDY = "give another --scorer, such as ViT-L-14:openai or tiny-shapes"

TOWER = (
    "width layers mlp_ratio ls_init_value pool_type final_ln_after_pool output_tokens act_kwargs "
    "norm_kwargs block_type qk_norm scaled_cosine_attn scale_heads scale_attn_inner scale_attn "
    "scale_fc"
)

ALLOWED = {
    "": "model_cfg preprocess_cfg",
    "model_cfg": "embed_dim vision_cfg text_cfg quick_gelu custom_text init_logit_scale "
    "init_logit_bias nonscalar_logit_scale",
    "vision_cfg": f"{TOWER} head_width patch_size image_size patch_dropout attentional_pool "
    "attn_pooler_queries attn_pooler_heads no_ln_pre pos_embed_type timm_model_name "
    "timm_model_pretrained timm_pool timm_proj timm_proj_bias timm_drop timm_drop_path",
    "text_cfg": f"{TOWER} heads context_length vocab_size hf_tokenizer_name tokenizer_mode "
    "tokenizer_kwargs embed_cls pad_id eos_id no_causal_mask proj_bias proj_type",
    "preprocess_cfg": "size mode mean std interpolation resize_mode fill_color",
    "tokenizer_kwargs": "clean strip_sep_token language",
    "act_kwargs": "approximate",
    "norm_kwargs": "eps",
}
"""The keys of an open_clip_config.json that reach a constructor (open_clip 3.3), by section.

Keys that name code, files or places on the network are left out, such as `hf_model_name`; a model
that is made without weights ignores `timm_model_pretrained`.
"""

VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "*.model")
"""Files in which a tokenizer of transformers keeps its vocabulary."""

PREFERRED = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
"""The weights of a folder that has several files of tensors, as open_clip names them."""


def scorer_weights(folder: Path) -> Path:
    """Check a scorer's folder, and find the file that holds its weights.

    Args:
        folder: A folder with open_clip_config.json.

    Raises:
        LoadError: If its configuration asks for more than a model of open_clip's own, if its
            tokenizer brings code, or if it has no whole safetensors file.
    """
    content = _read(folder / CONFIG)
    _check_section(folder / CONFIG, "", content)
    _check_tokenizer(folder, (content.get("model_cfg") or {}).get("text_cfg") or {})
    files = sorted(folder.glob("*.safetensors"))
    preferred = [folder / name for name in PREFERRED if folder / name in files]
    if not files:
        raise LoadError(PART, folder, "it has no safetensors file, and no others are read", REMEDY)
    if not preferred and len(files) > 1:
        reason = f"it has {len(files)} safetensors files"
        raise LoadError(PART, folder, reason, f"keep one as {PREFERRED[0]}")
    weights = (preferred or files)[0]
    check_checkpoint(weights)
    return weights


def check_checkpoint(file: Path) -> None:
    """Refuse a checkpoint that is incomplete, no safetensors file, or empty.

    Raises:
        LoadError: If it is one of these.
    """
    if not tensor_shapes(PART, file):
        raise LoadError(PART, file, "it holds no tensors", REMEDY)


def _check_tokenizer(folder: Path, text_cfg: Mapping[str, Any]) -> None:
    """Refuse a tokenizer that brings code, or has no vocabulary."""
    for path in sorted(folder.glob("*.json")):
        if path.name not in (CONFIG, "tokenizer.json") and "auto_map" in _read(path):
            raise LoadError(PART, path, "its auto_map names code, and none is run", REMEDY)
    words = [file for name in VOCABULARIES for file in folder.glob(name)]
    # transformers makes an empty tokenizer of nothing, to which all prompts are equal.
    if text_cfg.get("hf_tokenizer_name") and not words:
        raise LoadError(PART, folder, "its tokenizer has no words (tokenizer.json)", REMEDY)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except OSError as error:
        raise LoadError(PART, path, error.strerror or "it cannot be read", REMEDY) from error
    except (ValueError, RecursionError) as error:
        raise LoadError(PART, path, "it is no JSON", REMEDY) from error
    if not isinstance(content, dict):
        raise LoadError(PART, path, "it is no JSON object", REMEDY)
    return content


def _check_section(config: Path, section: str, content: Mapping[str, Any]) -> None:
    """Refuse a key in the wrong place, and a value that is more than data."""
    allowed = ALLOWED[section].split()
    for key, value in content.items():
        where = f"{section}.{key}" if section else key
        if key not in allowed:
            known = f"{where} is not among what is read"
            raise LoadError(PART, config, known, REMEDY)
        if key in ALLOWED and isinstance(value, dict):
            _check_section(config, key, value)
        elif not _is_plain(value) or (key in ALLOWED and value is not None):
            raise LoadError(PART, config, f"{where} has a value of another form", REMEDY)
    name = content.get("timm_model_name")
    # A name with a colon is a place on the network or a folder.
    if name is not None and not re.fullmatch(r"\w[\w.]*", str(name)):
        raise LoadError(PART, config, f"{section}.timm_model_name is no name of timm's own", REMEDY)


def _is_plain(value: object) -> bool:
    """Whether a value is a number, a word, None, or a list of these."""
    if isinstance(value, list):
        return len(value) <= 8 and not any(isinstance(each, list | dict) for each in value)
    return not isinstance(value, dict)
