"""A task: one request, from a sentence or an entry, and back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from accel_space.applying import find_methods
from accel_space.errors import RefusedError
from generator.tasks.lexer import check_length, known_names, quote
from generator.tasks.measures import EXAMPLES
from generator.tasks.parsing import Reading, Value, parse
from generator.tasks.words import METHOD_WORDS
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.settings.entries import KEYS, read_entries, written_entries
from objectives.settings.generation import GenerationSettings
from objectives.spelling import likely
from storage.foreign import ForeignTextError, read_json, shown
from storage.records.combination import Combination

DEFAULT_LOSS_BUDGET = 0.02

MOST_LOSS = 0.5
"""A greater budget was hardly meant: with tiny-shapes' scorer pictures of other prompts lose all of
the score (0.85 to 0.00 over 256 scenes), and DeepCache's constants where they are worst 14%."""


def _in_catalogue(name: str) -> str:
    return find_pipeline(name).name


def _in_stack_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(method.name for method in find_methods(names))


def _an_acceleration(speedup: float | None) -> float | None:
    if speedup is not None and speedup < 1:
        raise InputError(f"a speedup of {speedup:.3g} is slower than the baseline; 1 is the least")
    return speedup


def _of_use(loss_budget: float) -> float:
    if loss_budget > MOST_LOSS:
        raise InputError(
            f"a loss budget above {MOST_LOSS:.0%} accepts pictures that show nothing of their "
            'prompts; write "loss at most 2%" or "quality at least 98%"'
        )
    return loss_budget


class Task(BaseModel):
    """One request. All but `text` and `notes` is of a closed vocabulary or a number in range.

    Attributes:
        pipeline: A catalogue name.
        scheduler: As studies name it.
        steps: num_inference_steps.
        methods: Method names in the order in which they are applied.
        speedup: The least speedup wanted.
        latency_s: The most seconds per image wanted.
        loss_budget: The greatest clip_loss allowed, as a share of the baseline's score.
        settings: How pictures are drawn; what it does not say may be any.
        text: What the person wrote; it must not reach generated code.
        notes: The defaults that were taken, and what could have been read otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    pipeline: Annotated[str, AfterValidator(_in_catalogue)]
    scheduler: str = Field(
        default_factory=lambda data: find_pipeline(data["pipeline"]).usual_scheduler,
        pattern=r"^[A-Za-z0-9+\-]+$",
        max_length=80,
    )
    steps: int = Field(
        default_factory=lambda data: find_pipeline(data["pipeline"]).steps, ge=1, le=1000
    )
    methods: Annotated[
        tuple[str, ...], Field(min_length=1, strict=False), AfterValidator(_in_stack_order)
    ]
    speedup: Annotated[float | None, AfterValidator(_an_acceleration)] = Field(
        default=None, gt=0, le=100
    )
    latency_s: float | None = Field(default=None, gt=0, le=86_400)
    loss_budget: Annotated[float, AfterValidator(_of_use)] = Field(
        default=DEFAULT_LOSS_BUDGET, gt=-1
    )
    settings: GenerationSettings = Field(default_factory=GenerationSettings)
    text: str = ""
    notes: tuple[str, ...] = ()

    @property
    def combination(self) -> Combination:
        """What is to be accelerated, and with what."""
        return Combination(
            pipeline=self.pipeline, scheduler=self.scheduler, steps=self.steps, methods=self.methods
        )


_OWN = tuple(name for name in Task.model_fields if name not in ("settings", "text", "notes"))

FIELDS = (*_OWN, *KEYS)
"""What an entry of a task file can say."""

_JSON_EXAMPLES = {
    "pipeline": '"tiny-shapes"',
    "scheduler": '"DDIM"',
    "steps": "25",
    "methods": '["deepcache", "tgate"]',
    "speedup": "1.5",
    "latency_s": "0.8",
    "loss_budget": "0.02",
}

_LABELS = {"steps": "steps", "speedup": "speedup", "latency_s": "latency", "loss_budget": "loss"}


def read_task(text: str) -> Task:
    """Read a task from a sentence in English or Chinese, or from a JSON object.

    Raises:
        InputError: If something is unknown, unclear, contradictory, out of range or missing; one
            line that quotes the piece and says what was expected.
    """
    if text.lstrip().startswith("{"):
        return read_entry(load_json(text), text)
    return _settle(parse(text), text)


def load_json(text: str) -> Any:
    """Read JSON in which no key is given twice.

    Raises:
        InputError: If it is no such JSON.
    """
    check_length(text)
    try:
        return read_json(text, _without_repeats)
    except ForeignTextError as error:
        raise InputError(f"{quote(text.strip())} {error}") from error


def read_entry(entry: Any, text: str) -> Task:
    """Read a task from a decoded entry of a file: a sentence, or an object of `FIELDS`.

    Values may be numbers, lists of names, or text as in a sentence ("2%", "a+b").

    Args:
        entry: The entry.
        text: How it was written.

    Raises:
        InputError: As `read_task`.
    """
    check_length(text)
    if isinstance(entry, str):
        return _settle(parse(entry), entry)
    if not isinstance(entry, Mapping):
        raise InputError(f"{quote(text)} is neither a sentence nor an entry with {_fields()}")
    found: dict[str, dict[Value, str]] = {}
    notes: tuple[str, ...] = ()
    for key, value in entry.items():
        if key not in FIELDS:
            near = likely(str(key), FIELDS)
            hint = f"; did you mean {near}?" if near else ""
            raise InputError(f"unknown key {quote(str(key))}{hint} (allowed: {_fields()})")
        if value is not None and key not in KEYS:
            reading = _read_value(key, value)
            found |= reading.found
            notes += reading.notes
    settings = read_entries({key: value for key, value in entry.items() if key in KEYS})
    return _settle(Reading(found, notes), text).model_copy(update={"settings": settings})


def task_json(task: Task) -> dict[str, Any]:
    """The task as an entry of a task file; `read_entry` makes the same task of it."""
    return task.model_dump(mode="json", include=set(_OWN)) | written_entries(task.settings)


def task_sentence(task: Task, language: Literal["en", "zh"] = "en") -> str:
    """The task as a sentence in English or Chinese; `read_task` makes the same task of it."""
    methods = [METHOD_WORDS.get(name, (name,))[0] for name in task.methods]
    if language == "zh":
        parts = [
            f"用{'和'.join(methods)}加速{task.pipeline}",
            f"{task.scheduler}采样{task.steps}步",
            *([f"加速比不低于{_decimal(task.speedup)}x"] if task.speedup is not None else []),
            *([f"每张不超过{_decimal(task.latency_s)}秒"] if task.latency_s is not None else []),
            f"精度损失不超过{_decimal(task.loss_budget)}",
        ]
        return "\N{FULLWIDTH COMMA}".join(parts)
    parts = [
        task.pipeline,
        task.scheduler,
        f"{task.steps} steps",
        " + ".join(methods),
        *([f"at least {_decimal(task.speedup)}x"] if task.speedup is not None else []),
        *([f"under {_decimal(task.latency_s)} s per image"] if task.latency_s is not None else []),
        f"loss at most {_decimal(task.loss_budget)}",
    ]
    return ", ".join(parts)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise InputError(f"{quote(key)} is given twice; keep one")
        content[key] = value
    return content


def _read_value(key: str, value: Any) -> Reading:
    """Read one value of an entry; its key says what it is."""
    piece = quote(f"{key}: {_in_json(value)}")
    if key == "methods" and isinstance(value, list) and all(isinstance(v, str) for v in value):
        value = ", ".join(value)
    is_number = key in EXAMPLES
    if is_number and isinstance(value, int | float) and not isinstance(value, bool):
        if key == "loss_budget" and abs(value) >= 1:
            raise InputError(f'{piece} must be a share such as 0.02, or text such as "2%"')
        return Reading({key: {value: piece}}, ())
    # Text without a digit is no number, whatever names are known.
    if not isinstance(value, str) or (is_number and not any(map(str.isdecimal, value))):
        raise InputError(f'{piece} cannot be read; write it like "{key}": {_JSON_EXAMPLES[key]}')
    reading = parse(f"{_LABELS.get(key, '')} {value}")
    if reading.found.keys() != {key}:
        raise InputError(f"{piece} must give {key} and nothing else")
    return reading


def _in_json(value: Any) -> str:
    """A value as JSON has it; of what is nested, which may be endless, its kind."""
    if isinstance(value, str):
        return value
    return shown(value).lower() if isinstance(value, bool) else shown(value)


def _settle(reading: Reading, text: str) -> Task:
    """Hold what was read against what a task needs."""
    found = reading.found
    for name, values in found.items():
        if name != "methods" and len(values) > 1:
            first, second = list(values.values())[:2]
            raise InputError(f"{first} and {second} contradict each other; keep one")
    missing = [name for name in ("pipeline", "methods") if name not in found]
    if missing:
        raise InputError(f"no {' and no '.join(missing)} in {quote(text)}; {known_names()}")
    given = {
        name: tuple(values) if name == "methods" else next(iter(values))
        for name, values in found.items()
    }
    try:
        task = Task.model_validate({**given, "text": text})
    except ValidationError as error:
        raise _refused(error, found) from error
    return task.model_copy(update={"notes": (*reading.notes, *_defaults(given, task))})


def _defaults(given: Mapping[str, Any], task: Task) -> list[str]:
    notes = [
        f"no {name.replace('_', ' ')} given: {default} is used"
        for name, default in (
            ("scheduler", task.scheduler),
            ("steps", task.steps),
            ("loss_budget", f"{DEFAULT_LOSS_BUDGET:.0%}"),
        )
        if name not in given
    ]
    if not given.keys() & {"speedup", "latency_s"}:
        notes.append(
            "no speedup or latency given: the fastest point inside the loss budget is used"
        )
    return notes


def _refused(error: ValidationError, found: Mapping[str, Mapping[Value, str]]) -> InputError:
    first = error.errors()[0]
    name = str(first["loc"][0])
    cause = first.get("ctx", {}).get("error")
    pieces = " and ".join(found[name].values())
    if isinstance(cause, InputError | RefusedError):
        return InputError(f"{pieces}: {cause}")
    return InputError(f"{pieces}: {name} {first['msg'].lower().removeprefix('input ')}")


def _decimal(number: float) -> str:
    """A number in digits alone, as sentences hold it; no digit is lost."""
    return f"{Decimal(repr(number)):f}"


def _fields() -> str:
    return ", ".join(FIELDS)
