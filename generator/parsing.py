"""The grammar of a task, over the tokens of generator/lexer.py.

    task    = { name | measure | filler | separator } ;
    name    = pipeline | scheduler | method ;
    measure = { mark | filler } number [ unit ] { { filler } ( role | bound ) } ;
    mark    = role | bound ;
    role    = "speedup" | "faster" | "latency" | "loss" | "steps" ;
    bound   = "at least" | "at most" | "or more" | "or less" ;
    unit    = "x" | "%" | "s" | "ms" | [ scheduler ] "steps" ;

Only its unit and the roles of its own measure say what a number is, never its place among the
others: a number without them is an error, and so are marks that disagree or have no number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from generator.lexer import UNITS, Token, lex, quote
from generator.words import Kind
from objectives.errors import InputError

Value = str | int | float

EXAMPLES = {
    "steps": '"25 steps"',
    "speedup": '"at least 2.5x"',
    "latency_s": '"under 1.2 s per image"',
    "loss_budget": '"loss at most 2%"',
}
"""How each number of a task is written."""

_NAMES = {Kind.PIPELINE: "pipeline", Kind.SCHEDULER: "scheduler", Kind.METHOD: "methods"}
_ROLES = {
    Kind.SPEEDUP: "speedup",
    Kind.FASTER: "speedup",
    Kind.LATENCY: "latency_s",
    Kind.LOSS: "loss_budget",
    Kind.STEPS: "steps",
}
_UNIT_OF = {
    Kind.TIMES: "speedup",
    Kind.SECONDS: "latency_s",
    Kind.MILLISECONDS: "latency_s",
    Kind.STEPS: "steps",
}
_LEAST = frozenset({Kind.AT_LEAST, Kind.OR_MORE})
_MOST = frozenset({Kind.AT_MOST, Kind.OR_LESS})
_BEFORE = _ROLES.keys() | {Kind.AT_LEAST, Kind.AT_MOST}
_SKIPPED = frozenset({Kind.FILLER, Kind.PER_IMAGE})


@dataclass(frozen=True)
class Reading:
    """What a text says, before it is held against what a task needs.

    Attributes:
        found: By field of `Task`, each value given for it and the pieces of text that give it.
        notes: What was read in one of several ways.
    """

    found: dict[str, dict[Value, str]]
    notes: tuple[str, ...]


def parse(text: str) -> Reading:
    """Read the names and numbers of a sentence.

    "3x faster" is a speedup of at least 3, in Chinese too; a time without "per image" is per
    image. Both are said in the notes.

    Raises:
        InputError: If a piece is unknown, unclear or without a role; the text quotes it.
    """
    return _Parser(text, lex(text)).parse()


@dataclass
class _Measure:
    """A number and all that says what it is."""

    number: Token
    before: list[Token]
    unit: Token | None = None
    after: list[Token] = field(default_factory=list)
    per_image: bool = False

    @property
    def marks(self) -> list[Token]:
        return [*self.before, *self.after]

    @property
    def kinds(self) -> set[Kind]:
        return {token.kind for token in self.marks}

    @property
    def has_role(self) -> bool:
        return bool(self.kinds & _ROLES.keys())

    @property
    def has_bound(self) -> bool:
        return bool(self.kinds & (_LEAST | _MOST))


class _Parser:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.place = 0
        self.found: defaultdict[str, dict[Value, str]] = defaultdict(dict)
        self.notes: list[str] = []

    def parse(self) -> Reading:
        while (token := self._peek()) is not None:
            if token.kind in _NAMES:
                self._add(_NAMES[token.kind], token.value, self._piece([token]))
                self.place += 1
            elif token.kind in _SKIPPED or token.kind is Kind.SEPARATOR:
                self.place += 1
            elif token.kind in _BEFORE or token.kind is Kind.NUMBER:
                self._measure()
            else:
                raise InputError(f"{self._piece([token])} has no number before it; {_expected()}")
        return Reading(found=dict(self.found), notes=tuple(self.notes))

    def _peek(self, place: int | None = None) -> Token | None:
        place = self.place if place is None else place
        return self.tokens[place] if place < len(self.tokens) else None

    def _kind(self, place: int) -> Kind | None:
        token = self._peek(place)
        return token.kind if token else None

    def _behind_fillers(self, place: int) -> int:
        while self._kind(place) in _SKIPPED:
            place += 1
        return place

    def _measure(self) -> None:
        first = self.place
        before: list[Token] = []
        while (token := self._peek()) is not None and token.kind in _BEFORE | _SKIPPED:
            if token.kind in _BEFORE:
                before.append(token)
            self.place += 1
        if token is None or token.kind is not Kind.NUMBER:
            self._no_number(before)
            return
        self.place += 1
        measure = _Measure(number=token, before=before)
        measure.unit = self._unit()
        self._after(measure)
        measure.per_image = self._per_image(first)
        self._judge(measure)

    def _per_image(self, first: int) -> bool:
        """Whether the measure from `first` to here says so, or the fillers on either side."""
        while first and self.tokens[first - 1].kind in _SKIPPED:
            first -= 1
        measure = self.tokens[first : self._behind_fillers(self.place)]
        return any(token.kind is Kind.PER_IMAGE for token in measure)

    def _no_number(self, before: list[Token]) -> None:
        # "Speed up SDXL with DeepCache", "make SDXL faster"
        verb = len(before) == 1 and before[0].text.split() in (["speed", "up"], ["faster"])
        if not verb:
            raise InputError(f"{self._piece(before)} has no number; {_expected()}")

    def _unit(self) -> Token | None:
        token, follower = self._peek(), self._kind(self.place + 1)
        # "50 DDIM steps"
        if token is not None and token.kind is Kind.SCHEDULER and follower is Kind.STEPS:
            self._add("scheduler", token.value, self._piece([token]))
            self.place += 1
            token = self._peek()
        if token is None or token.kind not in UNITS:
            return None
        self.place += 1
        return token

    def _after(self, measure: _Measure) -> None:
        """Take the roles and bounds behind a number, but not those of the next number."""
        while True:
            place = self._behind_fillers(self.place)
            kind = self._kind(place)
            follower = self._kind(self._behind_fillers(place + 1))
            leads = follower in _BEFORE or follower is Kind.NUMBER
            if kind in _ROLES:
                taken = _fits(measure.unit, kind) and not (measure.has_role and leads)
            elif kind in (Kind.AT_LEAST, Kind.AT_MOST):
                taken = not measure.has_bound and not leads
            else:
                taken = kind in (Kind.OR_MORE, Kind.OR_LESS)
            if not taken:
                return
            measure.after.append(self.tokens[place])
            self.place = place + 1

    def _judge(self, measure: _Measure) -> None:
        unit = measure.unit.kind if measure.unit else None
        tokens = [*measure.before, measure.number, *measure.after]
        piece = self._piece([*tokens, measure.unit] if measure.unit else tokens)
        fields = {_ROLES[kind] for kind in measure.kinds if kind in _ROLES}
        if unit in _UNIT_OF:
            fields.add(_UNIT_OF[unit])
        if unit is Kind.PERCENT and not fields and Kind.AT_MOST in measure.kinds:
            fields.add("loss_budget")
        if not fields:
            raise InputError(f"{piece} does not say what it is; {_expected()}")
        if unit is Kind.PERCENT:
            fields.add("loss_budget" if fields != {"speedup"} else "speedup")
        if len(fields) > 1:
            wanted = " or ".join(EXAMPLES[name] for name in sorted(fields))
            raise InputError(f"{piece} mixes two things; write {wanted}")
        (name,) = fields
        if name == "latency_s" and not (measure.marks or measure.per_image):
            raise InputError(f"{piece} does not say what it is; write {EXAMPLES[name]}")
        number = Decimal(measure.number.value)
        _check_bound(name, piece, measure.kinds)
        _check_unit(name, piece, unit, number, measure.kinds)
        self._note(name, piece, measure)
        self._add(name, _value(name, unit, number), piece)

    def _note(self, name: str, piece: str, measure: _Measure) -> None:
        number = measure.number.value
        if name == "speedup" and (Kind.FASTER in measure.kinds or not measure.has_bound):
            self.notes.append(f"{piece} is read as a speedup of at least {number}")
        if name == "latency_s" and not measure.per_image:
            self.notes.append(f"{piece} is read as time per image")

    def _add(self, name: str, value: Value, piece: str) -> None:
        self.found[name].setdefault(value, piece)

    def _piece(self, tokens: Iterable[Token]) -> str:
        """The text from the first to the last of some tokens, in quotes."""
        places = list(tokens)
        start = min(token.start for token in places)
        return quote(self.text[start : max(token.end for token in places)])


def _fits(unit: Token | None, role: Kind) -> bool:
    if unit is None:
        return role is not Kind.STEPS
    if unit.kind is Kind.PERCENT:
        return _ROLES[role] in ("speedup", "loss_budget")
    return _UNIT_OF[unit.kind] == _ROLES[role] != "steps"


def _check_bound(name: str, piece: str, kinds: set[Kind]) -> None:
    wrong = {
        "speedup": _MOST,
        "latency_s": _LEAST,
        "loss_budget": _LEAST,
        "steps": _LEAST | _MOST,
    }[name]
    if kinds & wrong:
        raise InputError(f"{piece} bounds it from the wrong side; write {EXAMPLES[name]}")


def _check_unit(
    name: str, piece: str, unit: Kind | None, number: Decimal, kinds: set[Kind]
) -> None:
    example = EXAMPLES[name]
    if name == "speedup" and unit is Kind.PERCENT:
        factor = 1 + number / 100
        example = f'"at least {factor.normalize():f}x"' if number > 0 else example
        raise InputError(f"{piece} can be read in more than one way; write it like {example}")
    if name == "speedup" and unit is None and Kind.SPEEDUP not in kinds:
        raise InputError(f"{piece} has no unit; write it like {example}")
    if name == "latency_s" and unit is None:
        raise InputError(f"{piece} has no unit, s or ms; write it like {example}")
    if name == "loss_budget" and unit is None and abs(number) >= 1:
        raise InputError(
            f"{piece} can be a share or percents; write it with %, or as a share such as 0.02"
        )
    if name == "steps" and number != number.to_integral_value():
        raise InputError(f"{piece} is no whole number; write it like {example}")


def _value(name: str, unit: Kind | None, number: Decimal) -> int | float:
    if name == "steps":
        return int(number)
    # Divided as written: 2.3 / 100 in floats is not 0.023.
    divisor = {Kind.PERCENT: 100, Kind.MILLISECONDS: 1000}.get(unit, 1) if unit else 1
    return float(number / divisor)


def _expected() -> str:
    return f"write numbers like {', '.join(EXAMPLES.values())}"
