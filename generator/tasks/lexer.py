"""From the text of a task to tokens: the longest known word at each place, or a number."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from generator.tasks.words import (
    BYTES,
    FILLERS,
    METHOD_WORDS,
    METRIC_WORDS,
    PHRASES,
    PIPELINE_WORDS,
    UNCLEAR,
    Kind,
)
from objectives.errors import InputError
from objectives.pipelines.schedulers import SCHEDULER_WORDS
from storage.spelling import likely

UNITS = frozenset({
    Kind.TIMES, Kind.PERCENT, Kind.SECONDS, Kind.MILLISECONDS, Kind.STEPS, Kind.BYTES,
    Kind.DECIBELS,
})  # fmt: skip

MOST_CHARACTERS = 2000

_NAMES = (
    (Kind.PIPELINE, PIPELINE_WORDS),
    (Kind.SCHEDULER, SCHEDULER_WORDS),
    (Kind.METHOD, METHOD_WORDS),
    (Kind.METRIC, METRIC_WORDS),
    (Kind.BYTES, BYTES),
)
_SEPARATORS = frozenset(",;|()[]\"'`!?&+/-.") | frozenset(
    "\N{FULLWIDTH COMMA}、。“”‘’「」《》【】·•…—\N{EN DASH}"  # noqa: RUF001
)
_LINKS = frozenset(":=@")
_OPERATORS = frozenset("+-/")
# One character for one, so that positions in both texts agree. A full-width comma stays: it is
# never part of a number.
_PLAIN = str.maketrans(
    {chr(code): chr(code - 0xFEE0).lower() for code in range(0xFF01, 0xFF5F) if code != 0xFF0C}
    | {chr(code): chr(code).lower() for code in (*range(0x41, 0x5B), *range(0x391, 0x3AA))}
    | {chr(code): " " for code in range(0x3001) if chr(code).isspace()}
    | {"\N{MULTIPLICATION SIGN}": "x", "\N{MINUS SIGN}": "-", "‐": "-", "‑": "-"}  # noqa: RUF001
)

# A letter or digit of a script that puts spaces between words.
_LETTER = r"[^\W\u2e80-\U0010ffff]"
_WORD = re.compile(rf"(?:{_LETTER}|[.-])*{_LETTER}\+*")
_NUMBER_RUN = re.compile(r"-?\.?[0-9]+(?:[.,_'][0-9]+)*")
_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
# A thousand to some people, and one to others.
_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2}\.000")
_JOINT = re.compile(r"[ _-]+")
_DIGIT_JOINT = re.compile(r"((?<=[0-9])-(?=[0-9]))|[ _-]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text.

    Attributes:
        kind: Its kind in the grammar.
        value: A name as the catalogue writes it, the digits of a number, or the advice for an
            unclear word; otherwise empty.
        text: The text itself, in lower case and with ASCII forms instead of full-width ones.
        start: Where it begins in the text of the task.
        end: Where it ends.
    """

    kind: Kind
    value: str
    text: str
    start: int
    end: int


def lex(text: str) -> list[Token]:
    """Cut a task into tokens; each character is in a token or is a space.

    Raises:
        InputError: If a piece is unclear, or neither a known word nor a number; the text quotes it.
    """
    check_length(text)
    plain = text.translate(_PLAIN)
    tokens: list[Token] = []
    place = 0
    while place < len(plain):
        if plain[place] == " ":
            place += 1
            continue
        behind = bool(tokens) and tokens[-1].kind is Kind.NUMBER
        token = _word(plain, place, behind) or _number(plain, place) or _mark(plain, place)
        if token is None:
            raise _unknown(text, plain, place)
        if token.kind is Kind.UNCLEAR:
            raise InputError(f"{quote(text[place : token.end])} is unclear; {token.value}")
        tokens.append(token)
        place = token.end
        if token.kind is Kind.NUMBER:
            place = _unit_place(text, plain, token)
    return tokens


def check_length(text: str) -> None:
    """Refuse a task that is too long to read quickly.

    Raises:
        InputError: If it is longer.
    """
    if len(text) > MOST_CHARACTERS:
        raise InputError(
            f"a task has at most {MOST_CHARACTERS} characters, and this one has {len(text)}"
        )


def quote(piece: str) -> str:
    """A piece of a task as errors show it: on one line, short and printable."""
    short = piece if len(piece) <= 80 else f"{piece[:77]}..."
    shown = (
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in short
    )
    return f'"{"".join(shown)}"'


def nearest(piece: str) -> str | None:
    """The known name or meaningful word that a piece may be a misspelling of."""
    found = likely(piece, _SUGGESTIONS)
    return None if found is None else _SUGGESTIONS[found]


def _entries() -> Iterator[tuple[str, Kind, str]]:
    for kind, names in _NAMES:
        for name, aliases in names.items():
            yield from ((word, kind, name) for word in (name, *aliases))
    for kind, words in PHRASES.items():
        yield from ((word, kind, "") for word in words)
    yield from ((word, Kind.FILLER, "") for word in FILLERS)
    yield from ((word, Kind.UNCLEAR, advice) for word, advice in UNCLEAR.items())


def _meanings() -> dict[str, tuple[Kind, str]]:
    meanings: dict[str, tuple[Kind, str]] = {}
    for word, kind, value in _entries():
        if meanings.setdefault(_folded(word), (kind, value)) != (kind, value):
            raise ValueError(f"{word!r} has two meanings in generator/tasks/words.py")
    return meanings


def _words(kinds: Container[Kind] = frozenset(Kind)) -> re.Pattern[str]:
    """All words of some kinds, the longest first, and where they may end."""
    words = sorted(
        {word.lower() for word, kind, _ in _entries() if kind in kinds}, key=len, reverse=True
    )
    # Otherwise SD1.5 would be found in SD1.55 and in SD1.5-inpainting.
    inside = rf"(?<={_LETTER})[-.]?{_LETTER}|(?<=\+)(?:{_LETTER}|\+)"
    return re.compile(rf"(?:{'|'.join(map(_pattern, words))})(?!{inside})")


def _pattern(word: str) -> str:
    # Digits need a joint between them: "2 1" is two numbers.
    joints = ("[-_]" if digits else "(?: *|[_-])" for digits in _DIGIT_JOINT.findall(word))
    parts = map(re.escape, _JOINT.split(word))
    return next(parts) + "".join(joint + part for joint, part in zip(joints, parts, strict=True))


def _folded(word: str) -> str:
    return _JOINT.sub("", word.lower())


_MEANINGS = _meanings()
_WORDS, _UNIT_WORDS = _words(), _words(UNITS)
_SUGGESTIONS = {
    _folded(word): value or word
    for word, kind, value in _entries()
    if kind not in (Kind.FILLER, Kind.WHOLE, Kind.BY, Kind.UNCLEAR) and len(word) > 2
}


def _word(plain: str, place: int, behind_number: bool = False) -> Token | None:
    # "5 ms SSIM at least 0.9" has a unit, not an MS-SSIM.
    unit = _UNIT_WORDS.match(plain, place) if behind_number else None
    found = unit or _WORDS.match(plain, place)
    if found is None:
        return None
    kind, value = _MEANINGS[_folded(found[0])]
    return Token(kind, value, found[0], place, found.end())


def _number(plain: str, place: int) -> Token | None:
    found = _NUMBER_RUN.match(plain, place)
    if found is None:
        return None
    before = plain[place - 1] if place else " "
    if plain[place] == "-" and not (before in " :=<>≤≥(" or before >= "\u2e80"):
        return None
    return Token(Kind.NUMBER, found[0], found[0], place, found.end())


def _unit_place(text: str, plain: str, number: Token) -> int:
    """Where to continue after a number: touching text must be its unit, as in 3x or 25-step."""
    piece = text[number.start : number.end]
    if not _NUMBER.fullmatch(number.text) or _THOUSANDS.fullmatch(number.text):
        raise InputError(f"{quote(piece)} can be read in more than one way; write it like 3.04")
    place = number.end
    if plain.startswith("-", place):
        place += 1
    if place < len(plain) and re.match(_LETTER, plain[place]):
        unit = _word(plain, place, behind_number=True)
        if unit is None or unit.kind not in UNITS:
            found = _WORD.match(plain, number.start)
            end = found.end() if found else place
            raise InputError(
                f"{quote(text[number.start : end])} is not known; "
                "write a number with its unit: 25 steps, 2.5x, 2% or 1.2 s"
            )
        return place
    return number.end


def _mark(plain: str, place: int) -> Token | None:
    char = plain[place]
    if char in _LINKS:
        return Token(Kind.FILLER, "", char, place, place + 1)
    if char not in _SEPARATORS:
        return None
    before, after = plain[:place].rstrip()[-1:], plain[place + 1 :].lstrip()[:1]
    if char in _OPERATORS and before.isdigit() and after.isdigit():
        return None
    # As a sign or inside a word these have a meaning: -3, .x, !ToMe
    if char in "-.!" and after == plain[place + 1 : place + 2] and re.match(_LETTER, after):
        return None
    return Token(Kind.SEPARATOR, "", char, place, place + 1)


def _unknown(text: str, plain: str, place: int) -> InputError:
    found = _WORD.match(plain, place)
    end = found.end() if found else place + 1
    if plain[place] >= "\u2e80":
        while plain[end : end + 1].isalpha() and _word(plain, end) is None:
            end += 1
    piece = text[place:end]
    if not any(map(str.isalnum, piece)):
        return InputError(f"{quote(piece)} has no meaning here; separate the parts with commas")
    near = nearest(piece)
    if near:
        return InputError(f"{quote(piece)} is not known; did you mean {near}?")
    return InputError(f"{quote(piece)} is not known; {known_names()}")


def known_names() -> str:
    """The names that a task can use, in one line."""
    return (
        f"pipelines: {', '.join(PIPELINE_WORDS)}; methods: {', '.join(METHOD_WORDS)}; "
        "schedulers: DDIM, DPM-Solver++, UniPC and class names of diffusers"
    )
