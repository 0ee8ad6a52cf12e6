"""Sweep files: their contents, and how they are read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from objectives.errors import InputError
from objectives.files import read_text
from objectives.settings.entries import SettingEntries
from storage.foreign import ForeignTextError, compose_yaml, construct_yaml, line_of, plain, shown
from storage.records.budgets import CLIP_LOSS, MOST_LOSS
from storage.spelling import likely
from studies.budgets import Asked, read_budgets


def _listed(value: Any) -> Any:
    """Wrap a single value in a list."""
    return value if isinstance(value, list) else [value]


def _split(value: Any) -> Any:
    """Split `a+b` into the list of a and b."""
    return [name.strip() for name in value.split("+")] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
StepCounts = Annotated[
    list[Annotated[int, Field(ge=1, le=1000)]], BeforeValidator(_listed), Field(min_length=1)
]
MethodSet = Annotated[list[str], BeforeValidator(_split), Field(min_length=1)]
MethodSets = Annotated[list[MethodSet], BeforeValidator(_listed), Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Exclusion(_Part):
    """Combinations to leave out: those that match every list given here."""

    pipelines: Names | None = None
    schedulers: Names | None = None
    steps: StepCounts | None = None
    methods: MethodSets | None = None


class ProtocolPart(_Part, SettingEntries):
    """Protocol fields for all studies of a sweep; the others are the pipeline's own."""

    num_samples: int | None = Field(default=None, ge=2)
    batch_size: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    prompts: str | None = None
    scorer: str | None = None
    metrics: list[str] = []
    weights: dict[str, str] = {}
    loss: str = CLIP_LOSS


class Sweep(_Part):
    """The contents of a sweep file.

    Attributes:
        pipelines: Names of the catalogue.
        schedulers: Names of schedulers.
        steps: Numbers of steps.
        methods: Method sets, each a list or written `deepcache+tgate`.
        exclude: Combinations to leave out.
        models: By pipeline, a folder or an address in place of the catalogue's model.
        protocol: How to measure.
        trials: The number of distinct points that each study measures.
        sampler: How points are chosen.
        loss_budget: The greatest CLIP loss allowed in new studies; None is the command's default.
            An existing study keeps its own.
        budgets: All other budgets of new studies, such as `memory: 20GiB` and `ssim: 10%`.
        storage: Where the studies are kept; None is the command's default.
    """

    pipelines: Names
    schedulers: Names
    steps: StepCounts
    methods: MethodSets
    exclude: list[Exclusion] = []
    models: dict[str, str] = {}
    protocol: ProtocolPart = ProtocolPart()
    trials: int = Field(default=16, ge=1)
    sampler: str = "auto"
    loss_budget: float | None = Field(default=None, gt=-1, le=MOST_LOSS)
    budgets: dict[str, str | float] = {}
    storage: str | None = None

    def limits(self) -> tuple[float | None, dict[str, Asked]]:
        """Return the greatest loss of the sweep's studies, and their conditions.

        Raises:
            InputError: If a text is not a budget.
        """
        asked = read_budgets(
            [f"{name}={value}" for name, value in self.budgets.items()], self.loss_budget
        )
        return asked.beside(self.protocol.loss)


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file.

    Raises:
        InputError: If the file cannot be read, or is not a valid sweep.
    """
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(
            f"the sweep file {path} cannot be read: {reason}; the files in studies/ are examples"
        ) from error
    try:
        node = compose_yaml(text)
        content = None if node is None else construct_yaml(node)
    except ForeignTextError as error:
        raise InputError(f"the sweep file {path}: {error}") from error
    if not isinstance(content, dict):
        raise InputError(
            f"{path} must hold keys and values; the keys are {', '.join(Sweep.model_fields)}"
        )
    try:
        sweep = Sweep.model_validate(content)
    except ValidationError as error:
        where, problem = _first_problem(error)
        raise InputError(f"{path}, line {line_of(node, where)}: {problem}") from error
    settings = partial(sweep.protocol.settings, path.parent)
    for key, check in (
        ("budgets", sweep.limits),
        ("protocol", settings),
    ):
        try:
            check()
        except InputError as error:
            line = line_of(node, [key, str(error).partition(":")[0]])
            raise InputError(f"{path}, line {line}: {key}: {error}") from error
    return sweep


def _first_problem(error: ValidationError) -> tuple[tuple[int | str, ...], str]:
    """Return the place of the first problem, and one line that tells the fault and the rule."""
    problems = error.errors(include_url=False)
    # An unknown key comes first: it may be a misspelling of the missing one.
    problem = min(problems, key=lambda each: each["type"] != "extra_forbidden")
    place = problem["loc"]
    where = ".".join(plain(str(part)) for part in place)
    if problem["type"] == "missing":
        return place, f"the key {where} is missing"
    if problem["type"] != "extra_forbidden":
        return place, f"{where}: {problem['msg'].lower()}, and it is {shown(problem['input'])}"
    allowed = list(_model_at(place[:-1]).model_fields)
    near = likely(str(place[-1]), allowed)
    hint = f"did you mean {near}?" if near else f"the keys are {', '.join(allowed)}"
    return place, f"unknown key {where}; {hint}"


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the part of a sweep file that holds a location."""
    parts: dict[str, type[BaseModel]] = {"exclude": Exclusion, "protocol": ProtocolPart}
    return parts.get(str(location[0]), Sweep) if location else Sweep
