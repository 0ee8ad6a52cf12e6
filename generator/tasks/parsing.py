"""The grammar of a task, over the tokens of generator/tasks/lexer.py.

    task    = { name | measure | filler | separator } ;
    name    = pipeline | scheduler | method ;
    measure = { mark | filler } number [ unit ] { { filler } ( role | bound ) | { whole } topic } ;
    mark    = role | topic | bound ;
    role    = "speedup" | "faster" | "latency" | "loss" | "steps" | metric | "memory" ;
    topic   = "time" | "speed" | "quality" ;
    whole   = "of" | "the" | "original" ;
    bound   = "at least" | "at most" | "or more" | "or less" ;
    unit    = "x" | "%" | "s" | "ms" | "GiB" | "dB" | [ scheduler ] "steps" ;

The meaning of a number follows from its unit and the marks of its own measure, never from its
place among other numbers. Numbers without them, marks that disagree, and roles and bounds without
a number are errors (generator/tasks/measures.py). A topic without a number is a filler.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass

from generator.tasks.lexer import UNITS, Token, lex, quote
from generator.tasks.measure import BOUNDS, ROLES, TOPICS, Measure
from generator.tasks.measures import expected, read_measure
from generator.tasks.words import Kind
from objectives.errors import InputError

Value = str | int | float

_NAMES = {Kind.PIPELINE: "pipeline", Kind.SCHEDULER: "scheduler", Kind.METHOD: "methods"}
_MARKS = ROLES.keys() | TOPICS.keys() | BOUNDS
_SKIPPED = frozenset({Kind.FILLER, Kind.PER_IMAGE, Kind.WHOLE, Kind.BY})


@dataclass(frozen=True)
class Reading:
    """The content of a text, before it is checked against what a task needs.

    Attributes:
        found: By field of `Task`, each value given for it and the pieces of text that give it.
        notes: Pieces that could have been read differently.
    """

    found: dict[str, dict[Value, str]]
    notes: tuple[str, ...]


def parse(text: str) -> Reading:
    """Read the names and numbers of a sentence.

    "3x faster" is a speedup of at least 3, in Chinese too; a time without "per image" is per
    image. The notes say so in both cases.

    Raises:
        InputError: If a piece is unknown, unclear or without a role; the text quotes it.
    """
    return _Parser(text, lex(text)).parse()


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
            elif token.kind in _MARKS or token.kind is Kind.NUMBER:
                self._measure()
            else:
                raise InputError(f"{self._piece([token])} has no number before it; {expected()}")
        return Reading(found=dict(self.found), notes=tuple(self.notes))

    def _peek(self, place: int | None = None) -> Token | None:
        place = self.place if place is None else place
        return self.tokens[place] if place < len(self.tokens) else None

    def _kind(self, place: int) -> Kind | None:
        token = self._peek(place)
        return token.kind if token else None

    def _behind(self, skipped: Container[Kind | None], place: int) -> int:
        while self._kind(place) in skipped:
            place += 1
        return place

    def _measure(self) -> None:
        first = self.place
        before: list[Token] = []
        while (token := self._peek()) is not None and token.kind in _MARKS | _SKIPPED:
            if token.kind in _MARKS:
                before.append(token)
            self.place += 1
        if token is None or token.kind is not Kind.NUMBER:
            self._no_number(before)
            return
        self.place += 1
        measure = Measure(number=token, before=before)
        measure.unit = self._unit()
        self._after(measure)
        around = self._surroundings(first)
        measure.per_image = any(token.kind is Kind.PER_IMAGE for token in around)
        led = around[: around.index(measure.number)]
        measure.by = any(token.kind is Kind.BY for token in led)
        piece = self._piece(measure.tokens)
        said = read_measure(measure, piece)
        self.notes += said.notes
        self._add(said.name, said.value, piece)

    def _surroundings(self, first: int) -> list[Token]:
        """The tokens of the measure from `first` to here, and the fillers on either side."""
        while first and self.tokens[first - 1].kind in _SKIPPED:
            first -= 1
        return self.tokens[first : self._behind(_SKIPPED | TOPICS.keys(), self.place)]

    def _no_number(self, before: list[Token]) -> None:
        marks = [token for token in before if token.kind not in TOPICS]
        # "Speed up SDXL with DeepCache", "make SDXL faster"
        verb = len(marks) == 1 and marks[0].text.split() in (["speed", "up"], ["faster"])
        if marks and not verb:
            raise InputError(f"{self._piece(marks)} has no number; {expected()}")

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

    def _after(self, measure: Measure) -> None:
        """Take the marks after a number, but not those of the next number."""
        while (place := self._next_mark(measure)) is not None:
            measure.after.append(self.tokens[place])
            self.place = place + 1

    def _next_mark(self, measure: Measure) -> int | None:
        """The position of a number's next mark after it, if there is one."""
        of_topics = measure.unit_kind in (Kind.PERCENT, Kind.TIMES)
        place = self._behind(_SKIPPED if of_topics else _SKIPPED | TOPICS.keys(), self.place)
        kind = self._kind(place)
        follower = self._kind(self._behind(_SKIPPED, place + 1))
        leads = follower in _MARKS or follower is Kind.NUMBER
        if kind in TOPICS:
            # "50% of the time", but not "2x quality at least 95%", "2x with 95% of the quality"
            between = self.tokens[self.place : place]
            near = all(token.kind is Kind.WHOLE for token in between)
            return place if near and (between or not leads) else None
        if kind in ROLES:
            taken = measure.takes(kind) and not (measure.has_role and leads)
        elif kind in BOUNDS:
            taken = not measure.has_bound and not leads
        else:
            taken = kind in (Kind.OR_MORE, Kind.OR_LESS)
        return place if taken else None

    def _add(self, name: str, value: Value, piece: str) -> None:
        self.found[name].setdefault(value, piece)

    def _piece(self, tokens: Iterable[Token]) -> str:
        """The text from the first to the last of some tokens, in quotes."""
        places = list(tokens)
        start = min(token.start for token in places)
        return quote(self.text[start : max(token.end for token in places)])
