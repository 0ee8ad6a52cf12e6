"""The meaning of a task's number, from its unit and the words of its own measure alone."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from generator.tasks.limits import read_limit
from generator.tasks.measure import LEAST, MOST, ROLES, TOPICS, UNIT_OF, Measure
from generator.tasks.words import Kind
from objectives.errors import InputError

EXAMPLES = {
    "steps": '"25 steps"',
    "speedup": '"at least 2.5x"',
    "latency_s": '"under 1.2 s per image"',
    "loss_budget": '"loss at most 2%"',
}
"""How each number of a task is written."""

_SHARES = {
    "latency_s": '"time at most 50%"',
    "quality": '"quality at least 98%"',
    "loss_budget": EXAMPLES["loss_budget"],
}
"""How a percentage of each is written."""

_LIKELY_SHARE = Decimal("0.1")
"""A loss above this without % may have been meant as percents, so a note says how it is read."""


@dataclass(frozen=True)
class Said:
    """The meaning of a measure.

    Attributes:
        name: A field of `Task`, or the name of one of its budgets.
        value: Its value.
        notes: Pieces that could have been read differently.
    """

    name: str
    value: int | float
    notes: tuple[str, ...] = ()


def read_measure(measure: Measure, piece: str) -> Said:
    """Read the meaning of a measure.

    Args:
        measure: The measure.
        piece: Its text, in quotes.

    Raises:
        InputError: If it says nothing, more than one thing, or what no task can ask for.
    """
    if (limit := read_limit(measure, piece)) is not None:
        return Said(limit.name, limit.most, limit.notes)
    if measure.unit_kind is Kind.PERCENT:
        return _read_percentage(measure, piece)
    name = _name(measure, piece)
    number = Decimal(measure.number.value)
    _check_side(name, piece, measure.kinds, EXAMPLES[name])
    _check_unit(name, piece, measure, number)
    faster = Kind.FASTER in measure.kinds
    if faster and number <= 1:
        # "One time faster" means as fast to some people and twice as fast to others.
        raise _ambiguous(piece, f'"at least {(1 + abs(number)).normalize():f}x"')
    notes = []
    if name == "speedup" and (faster or not measure.has_bound):
        notes.append(f"{piece} is read as a speedup of at least {measure.number.value}")
    if name == "latency_s" and not measure.per_image:
        notes.append(f"{piece} is read as time per image")
    if name == "loss_budget" and number > _LIKELY_SHARE:
        notes.append(f"{piece} is read as a loss of at most {100 * number:.3g}%")
    if name == "steps":
        return Said(name, int(number), tuple(notes))
    # Divided in decimals: 2.3 / 100 in floats is not 0.023.
    divisor = 1000 if measure.unit_kind is Kind.MILLISECONDS else 1
    return Said(name, float(number / divisor), tuple(notes))


def expected() -> str:
    """How to write numbers, in one line."""
    return f"write numbers like {', '.join(EXAMPLES.values())}"


def _name(measure: Measure, piece: str) -> str:
    """The field that a number belongs to, if it is not a percentage."""
    unit, kinds = measure.unit_kind, measure.kinds
    names = {ROLES[kind] for kind in kinds if kind in ROLES}
    if unit in UNIT_OF:
        names.add(UNIT_OF[unit])
    if not names:
        raise InputError(f"{piece} does not say what it is; {expected()}")
    behind = {token.kind for token in measure.after}
    # "2x the time" is slower, and "2x the quality" is not a speed.
    if (
        unit is Kind.TIMES
        and not kinds & ROLES.keys()
        and (Kind.TIME in kinds or Kind.QUALITY in behind)
    ):
        raise InputError(f"{piece} mixes two things; write {EXAMPLES['speedup']}")
    if len(names) > 1:
        wanted = " or ".join(EXAMPLES[name] for name in sorted(names))
        raise InputError(f"{piece} mixes two things; write {wanted}")
    (name,) = names
    says = kinds - {Kind.SPEED, Kind.QUALITY}
    if name == "latency_s" and not (says or measure.per_image):
        raise InputError(f"{piece} does not say what it is; write {EXAMPLES[name]}")
    return name


def _read_percentage(measure: Measure, piece: str) -> Said:
    """Read a share of the time, of the quality, or of the score that is lost."""
    kinds = measure.kinds
    topics = {(ROLES | TOPICS)[kind] for kind in kinds if kind in ROLES or kind in TOPICS}
    if "loss_budget" in topics:
        # "Loss of quality"
        topics.discard("quality")
    if not topics:
        raise InputError(
            f"{piece} does not say what it is a percentage of; write {', '.join(_SHARES.values())}"
        )
    if len(topics) > 1 or "steps" in topics:
        wanted = " or ".join(sorted({**EXAMPLES, **_SHARES}[topic] for topic in topics))
        raise InputError(f"{piece} mixes two things; write {wanted}")
    (topic,) = topics
    _check_side(topic, piece, kinds, {**EXAMPLES, **_SHARES}[topic])
    share = Decimal(measure.number.value) / 100
    if topic == "loss_budget":
        return Said(topic, float(share))
    if topic == "speedup":
        example = f'"at least {(1 + share).normalize():f}x"' if share > 0 else EXAMPLES[topic]
        raise _ambiguous(piece, example)
    if measure.by or (topic == "latency_s" and not _is_whole(measure)):
        raise _ambiguous(piece, _SHARES[topic])
    if topic == "quality":
        loss = float(1 - share)
        note = f"{piece} is read as a loss of at most {100 * loss:.3g}%"
        return Said("loss_budget", loss, (note,))
    if not 0 < share:
        raise InputError(f"{piece} leaves no time; write it like {_SHARES[topic]}")
    speedup = float(1 / share)
    return Said("speedup", speedup, (f"{piece} is read as a speedup of at least {speedup:g}",))


def _ambiguous(piece: str, example: str) -> InputError:
    return InputError(f"{piece} can be read in more than one way; write it like {example}")


def _is_whole(measure: Measure) -> bool:
    """Whether a share of the time is the remaining time: "at most 50%", "50% of the time"."""
    return measure.has_bound or any(token.kind in TOPICS for token in measure.after)


def _check_side(name: str, piece: str, kinds: set[Kind], example: str) -> None:
    """Refuse the opposite of what a task can ask for."""
    wrong, why = {
        "speedup": (MOST, "limits the speed from above, and a task says the least speedup"),
        "latency_s": (LEAST, "limits the time from below, and a task says the most time"),
        "loss_budget": (LEAST, "limits the loss from below, and a task says the greatest loss"),
        "quality": (MOST, "limits the quality from above, and a task says the least quality"),
        "steps": (LEAST | MOST, "limits the steps, and a task says how many they are"),
    }[name]
    if kinds & wrong:
        raise InputError(f"{piece} {why}; write {example}")


def _check_unit(name: str, piece: str, measure: Measure, number: Decimal) -> None:
    example = EXAMPLES[name]
    if measure.unit is None:
        if name == "speedup" and Kind.SPEEDUP not in measure.kinds:
            raise InputError(f"{piece} has no unit; write it like {example}")
        if name == "latency_s":
            raise InputError(f"{piece} has no unit, s or ms; write it like {example}")
        if name == "loss_budget" and abs(number) >= 1:
            raise InputError(
                f"{piece} can be a share or percents; write it with %, or as a share such as 0.02"
            )
    if name == "steps" and number != number.to_integral_value():
        raise InputError(f"{piece} is not a whole number; write it like {example}")
