"""Tokenizers for models with random weights, where the tokens of a word do not matter."""

from __future__ import annotations

from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers import Qwen2Tokenizer

from objectives.embedded.training.tokenizer import build_t5_tokenizer, build_tokenizer

CLIP_TOKENS = 77


def tokenizer_of(text_encoder: str) -> Any:
    """A tokenizer for a class of text encoders: the embedded world's words, or bytes."""
    if text_encoder == "T5EncoderModel":
        return build_t5_tokenizer()
    if text_encoder.startswith("Qwen"):
        return chat_tokenizer()
    tokenizer = build_tokenizer()
    tokenizer.model_max_length = CLIP_TOKENS
    return tokenizer


def chat_tokenizer() -> Qwen2Tokenizer:
    """Make a tokenizer that knows bytes and the marks of a chat."""
    tokens = [*sorted(ByteLevel.alphabet()), "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Qwen2Tokenizer(
        vocab={token: place for place, token in enumerate(tokens)},
        merges=[],
        model_max_length=2048,
    )
    tokenizer.add_special_tokens({"additional_special_tokens": tokens[-2:]})
    tokenizer.chat_template = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
        "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return tokenizer
