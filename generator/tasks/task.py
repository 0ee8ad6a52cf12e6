"""A task: one request, read from a sentence or an entry, and written back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from accel_space.applying import find_methods
from accel_space.errors import RefusedError
from generator.tasks.entry_values import read_budgets, read_value
from generator.tasks.lexer import check_length, known_names, quote
from generator.tasks.parsing import Reading, Value, parse
from generator.tasks.words import METRIC_WORDS
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.settings.entries import KEYS, read_entries
from objectives.settings.generation import GenerationSettings
from storage.foreign import ForeignTextError, read_json
from storage.records.budgets import CLIP_LOSS, MEMORY, MOST_LOSS
from storage.records.combination import Combination
from storage.spelling import likely

DEFAULT_LOSS_BUDGET = 0.02


def _in_catalogue(name: str) -> str:
    return find_pipeline(name).name


def _in_stack_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(method.name for method in find_methods(names))


def _an_acceleration(speedup: float | None) -> float | None:
    if speedup is not None and speedup < 1:
        raise InputError(f"a speedup of {speedup:.3g} is slower than the baseline; 1 is the least")
    return speedup


def _of_use(loss_budget: float | None) -> float | None:
    if loss_budget is not None and loss_budget > MOST_LOSS:
        raise InputError(
            f"a loss budget above {MOST_LOSS:.0%} accepts pictures that show nothing of their "
            'prompts; write "loss at most 2%" or "quality at least 98%"'
        )
    return loss_budget


class Task(BaseModel):
    """One request. All but `text` and `notes` is from a closed vocabulary or a number in range.

    Attributes:
        pipeline: A catalogue name.
        scheduler: Its name, as studies write it.
        steps: num_inference_steps.
        methods: Method names, in the order of application.
        speedup: The least speedup wanted.
        latency_s: The most seconds per image wanted.
        loss_budget: The greatest clip_loss allowed, as a share of the baseline's score. None, if
            other metrics are limited and it is not, means the study's own.
        budgets: The other limits: metrics by name, and `memory_mib`, each with its greatest value.
        settings: How pictures are drawn; settings that it leaves out may be any.
        text: The user's own text; it must not reach generated code.
        notes: The defaults taken, and pieces that could have been read differently.
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
    loss_budget: Annotated[float | None, AfterValidator(_of_use)] = Field(
        default=DEFAULT_LOSS_BUDGET, gt=-1
    )
    budgets: tuple[tuple[str, float], ...] = ()
    settings: GenerationSettings = Field(default_factory=GenerationSettings)
    text: str = ""
    notes: tuple[str, ...] = ()

    @property
    def limits(self) -> dict[str, float]:
        """All budgets by name."""
        own = {} if self.loss_budget is None else {CLIP_LOSS: self.loss_budget}
        return {**own, **dict(self.budgets)}

    @property
    def combination(self) -> Combination:
        """What to accelerate, and with which methods."""
        return Combination(
            pipeline=self.pipeline, scheduler=self.scheduler, steps=self.steps, methods=self.methods
        )


OWN = tuple(name for name in Task.model_fields if name not in ("settings", "text", "notes"))

_LIMITED = frozenset({*METRIC_WORDS, MEMORY})

FIELDS = (*OWN, *KEYS)
"""The keys of an entry of a task file."""


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
        InputError: If it is not such JSON.
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
            reading = read_budgets(value) if key == "budgets" else read_value(key, value)
            found |= reading.found
            notes += reading.notes
    settings = read_entries({key: value for key, value in entry.items() if key in KEYS})
    return _settle(Reading(found, notes), text).model_copy(update={"settings": settings})


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise InputError(f"{quote(key)} is given twice; keep one")
        content[key] = value
    return content


def _settle(reading: Reading, text: str) -> Task:
    """Check the content of a text against what a task needs."""
    found = reading.found
    for name, values in found.items():
        if name != "methods" and len(values) > 1:
            first, second = list(values.values())[:2]
            raise InputError(f"{first} and {second} contradict each other; keep one")
    missing = [name for name in ("pipeline", "methods") if name not in found]
    if missing:
        raise InputError(f"no {' and no '.join(missing)} in {quote(text)}; {known_names()}")
    given: dict[str, Any] = {
        name: tuple(values) if name == "methods" else next(iter(values))
        for name, values in found.items()
    }
    budgets = {name: given.pop(name) for name in sorted(given) if name in _LIMITED}
    if budgets:
        given["budgets"] = tuple(budgets.items())
    if budgets.keys() - {MEMORY}:
        given.setdefault("loss_budget", None)
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
    if given.get("loss_budget", 0) is None:
        notes.append("no CLIP loss given: the study's own budgets are kept beside these")
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


def _fields() -> str:
    return ", ".join(FIELDS)
