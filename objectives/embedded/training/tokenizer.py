"""The vocabularies of the embedded pipelines: one token for every word of a caption."""

import string
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final, Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import CLIPTokenizer, T5Tokenizer

from objectives.embedded import world
from objectives.embedded.world import COLUMN, SINGLE, VALUES

LENGTH: Final = 32
"""Tokens in a caption, start and end included; the longest caption of the world has 22."""

START: Final = "<|startoftext|>"
END: Final = "<|endoftext|>"


def build_tokenizer() -> CLIPTokenizer:
    """Learn the merges from the world's words and build a byte-level BPE tokenizer.

    It knows every byte, so it reads any text; words of the world are one token each.
    """
    letters = list(_byte_alphabet())
    merges = _learn_merges(_world_words())
    tokens = [*letters, *(f"{c}</w>" for c in letters), *("".join(pair) for pair in merges)]
    # The end comes last: open_clip pools a text at its highest token.
    tokens += [START, END]
    # Its annotation asks for merges as strings, but the library below it takes pairs.
    pairs: Any = merges
    return CLIPTokenizer(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=pairs,
        model_max_length=LENGTH,
    )


def build_t5_tokenizer() -> T5Tokenizer:
    """Build a unigram tokenizer of the world's words and of printable ASCII."""
    letters = string.digits + string.ascii_letters + string.punctuation
    # Scores are log probabilities: a whole word beats its letters.
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -4.0)]
    vocabulary += [(letter, -8.0) for letter in letters]
    vocabulary += [(f"\u2581{word}", -1.0) for word in _world_words()]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=LENGTH)


class Tokens(Protocol):
    """Turns tensors of scenes into token ids of their captions, shape (N, M), int64."""

    def __call__(self, scenes: Tensor) -> Tensor:
        """The tokens of scenes of shape (N, 10)."""

    def empty(self, count: int) -> Tensor:
        """The tokens of empty captions."""


class JoinedTokens:
    """The tokens of two tokenizers, the second's after the first's: shape (N, 64)."""

    def __init__(self, first: Tokens, second: Tokens) -> None:
        """Keep both."""
        self._both = first, second

    def __call__(self, scenes: Tensor) -> Tensor:
        """See `Tokens`."""
        return torch.cat([tokens(scenes) for tokens in self._both], dim=1)

    def empty(self, count: int) -> Tensor:
        """See `Tokens`."""
        return torch.cat([tokens.empty(count) for tokens in self._both], dim=1)


class CaptionTokens:
    """Tokenizes whole tensors of scenes on their device, as fast as they are drawn.

    The tokens are those that the tokenizer gives for `world.caption` of the same scenes.
    """

    def __init__(self, tokenizer: CLIPTokenizer | T5Tokenizer, device: torch.device) -> None:
        """Look up the tokens of every word of the world.

        Args:
            tokenizer: What `build_tokenizer` or `build_t5_tokenizer` returns.
            device: Device of the scenes to come.
        """
        self._tokenizer = tokenizer
        self._device = device
        self._start = tokenizer.bos_token_id
        self._end, self._padding = tokenizer.eos_token_id, tokenizer.pad_token_id
        self._words = {field: self._table(words) for field, words in VALUES.items()}
        self._words["relation"] = self._table((*world.RELATIONS, ""))
        phrases = ("a", "on a", "background", "background,", "a picture of")
        self._phrases = {phrase: self._table((phrase,)) for phrase in phrases}

    def __call__(self, scenes: Tensor) -> Tensor:
        """Tokenize the captions of scenes.

        Args:
            scenes: Scenes of shape (N, 10), int64.

        Returns:
            Token ids of shape (N, 32), int64, padded with the end token.
        """
        count = len(scenes)

        def words(field: str) -> Tensor:
            return self._words[field][scenes[:, COLUMN[field]]]

        def text(phrase: str) -> Tensor:
            return self._phrases[phrase].expand(count, -1)

        first = [text("a"), words("size"), words("colour"), words("shape")]
        other = [text("a"), words("other_size"), words("other_colour"), words("other_shape")]
        pair = torch.cat([words("relation"), *other], dim=1)
        pair = pair.masked_fill((scenes[:, COLUMN["relation"]] == SINGLE)[:, None], -1)
        subject = torch.cat([*first, pair], dim=1)
        place = torch.cat([text("on a"), words("pattern"), words("background")], dim=1)
        after = torch.cat([place, text("background")], dim=1)
        template = scenes[:, COLUMN["template"]][:, None]
        opening = text("a picture of").masked_fill(template != 1, -1)
        before = torch.cat([place, text("background,")], dim=1).masked_fill(template != 2, -1)
        after = after.masked_fill(template == 2, -1)
        return self._close(torch.cat([opening, before, subject, after], dim=1))

    def empty(self, count: int) -> Tensor:
        """Return the tokens of `count` empty captions, shape (count, 32), int64."""
        return self._close(torch.full((count, 0), -1, device=self._device))

    def _close(self, ids: Tensor) -> Tensor:
        """Move the holes (-1) to the back, then add the start, the end and the padding."""
        order = (ids < 0).to(torch.int8).argsort(dim=1, stable=True)
        ids = ids.gather(1, order)[:, : LENGTH - 2]
        if self._start is not None:
            ids = pad(ids, (1, 0), value=self._start)
        ids = pad(ids, (0, LENGTH - ids.shape[1]), value=-1)
        free = ids < 0
        ends = free & (free.cumsum(dim=1) == 1)
        return ids.masked_fill(free, self._padding).masked_fill(ends, self._end)

    def _table(self, phrases: Iterable[str]) -> Tensor:
        rows = [self._tokenizer(p, add_special_tokens=False)["input_ids"] for p in phrases]
        width = max(map(len, rows))
        padded = [row + [-1] * (width - len(row)) for row in rows]
        return torch.tensor(padded, dtype=torch.int64, device=self._device)


def clip_and_t5_tokens(device: torch.device) -> Tokens:
    """CLIP's tokens of captions, then T5's: for the pipelines that have both encoders."""
    return JoinedTokens(
        CaptionTokens(build_tokenizer(), device), CaptionTokens(build_t5_tokenizer(), device)
    )


def _world_words() -> list[str]:
    phrases = [phrase for words in VALUES.values() for phrase in words]
    phrases.append("a picture of on background")
    return sorted({word for phrase in phrases for word in phrase.split()})


def _learn_merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """Merge the most frequent neighbours until every word is one piece."""
    pieces = [[*word[:-1], f"{word[-1]}</w>"] for word in words]
    merges: list[tuple[str, str]] = []
    while counts := Counter(pair for piece in pieces for pair in pairwise(piece)):
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        pieces = [_merge(piece, best) for piece in pieces]
    return merges


def _merge(piece: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for part in piece:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return merged


def _byte_alphabet() -> Iterable[str]:
    """One printable character for every byte, as byte-level BPE writes them."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    yield from map(chr, printable)
    yield from (chr(0x100 + i) for i in range(0x100 - len(printable)))
