"""The two JSON files of the grid search that accelfront replaces, for its other tools.

`search-params` holds the points that are worth using. A key is the text of a Python tuple:
pipeline, scheduler, steps, measured speedup to two decimals, loss budget, and the sorted methods as
a list. The value holds the parameters under their libraries' names, but `warmup` for `warm_up`:

    {"('SD1.5', 'DDIM', 50, 3.04, 0.02, ['deepcache', 'tgate'])": {"cache_interval": 3, ...}}

`speedup-bounds` holds the greatest speedup inside the loss budget. Its keys leave the speedup out:

    {"('SD1.5', 'DDIM', 50, 0.02, ['deepcache', 'tgate'])": 3.0391}

Functions that write also return a line for each thing that could not be written.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from storage.errors import StorageError
from storage.foreign import ForeignTextError, plain, read_json, shown
from storage.records.points import by_short_names
from storage.records.study import Study
from storage.records.trial import Point, Trial

SPELLINGS = {"warm_up": "warmup"}
"""Our parameter names that the prototype spells differently."""

MOST_STEPS = 1000

LONGEST_KEY = 1000
"""Most characters of a key; Python is slow to read a longer one."""

GREATEST = 1e9
"""Greatest speedup or parameter; a file may hold any number."""

KEY_RULE = "a key is the text of (pipeline, scheduler, steps, speedup, loss budget, [methods])"


@dataclass(frozen=True)
class Entry:
    """One point of a search-params file, its parameters under our names.

    Attributes:
        key: The key as in the file.
        pipeline: As the file spells it; the same goes for the scheduler and the methods.
        scheduler: A scheduler's name.
        steps: num_inference_steps.
        methods: Names of the stacked methods.
        params: The point; its names and values are not checked.
    """

    key: str
    pipeline: str
    scheduler: str
    steps: int
    methods: tuple[str, ...]
    params: Point


def write_search_params(studies: Sequence[Study]) -> tuple[dict[str, Point], list[str]]:
    """Write the front inside the loss budget of each study as a search-params file.

    If several points have the same key, the one with the smallest loss stays.

    Args:
        studies: Studies; their own loss budgets apply.
    """
    kept: dict[str, Trial] = {}
    left = []
    for study in studies:
        for trial in study.front:
            if trial.judged_loss > study.loss_budget:
                continue
            key = _key(study, round(trial.judged_speedup, 2), study.loss_budget)
            if key in kept:
                left.append(
                    f"{study.name}, trial {trial.number}: another point has the same key {key}; "
                    "the one of less loss stays"
                )
            if key not in kept or trial.judged_loss < kept[key].judged_loss:
                kept[key] = trial
    content = {
        key: {
            SPELLINGS.get(name, name): value for name, value in by_short_names(trial.params).items()
        }
        for key, trial in kept.items()
    }
    return content, left


def write_speedup_bounds(studies: Sequence[Study]) -> tuple[dict[str, float], list[str]]:
    """Write the bound of each study as a speedup-bounds file.

    If several studies have the same key, the greatest bound stays.

    Args:
        studies: Studies; their own loss budgets apply.
    """
    bounds: dict[str, float] = {}
    left = []
    for study in studies:
        bound = study.bound
        if bound is None:
            left.append(f"{study.name}: left out, as no point is inside {study.budgets.in_words()}")
            continue
        key = _key(study, study.loss_budget)
        if key in bounds:
            left.append(
                f"{study.name}: has the same key as another study, {key}; the greater bound stays"
            )
        bounds[key] = max(bound.judged_speedup, bounds.get(key, 0.0))
    return bounds, left


def read_search_params(text: str) -> tuple[list[Entry], list[str]]:
    """Read a search-params file.

    Args:
        text: What the file holds.

    Returns:
        The usable entries, and a line for each other entry that says what was expected.

    Raises:
        StorageError: If the text as a whole is no such file.
    """
    try:
        # Objects become tuples of pairs, so that a key given twice is not lost.
        content = read_json(text, tuple)
    except ForeignTextError as error:
        raise StorageError(str(error)) from error
    if not isinstance(content, tuple):
        raise StorageError("must hold a JSON object of points by key")
    entries: list[Entry] = []
    problems = []
    for key, value in content:
        try:
            entries.append(_read_entry(key, value))
        except StorageError as error:
            problems.append(f"{plain(key)}: {error}")
    return entries, problems


def _key(study: Study, *numbers: float) -> str:
    combination = study.combination
    parts = (combination.pipeline, combination.scheduler, combination.steps)
    return str((*parts, *numbers, sorted(combination.methods)))


def _read_key(key: str) -> tuple[Any, ...]:
    """The six parts of a key, of any types."""
    if len(key) > LONGEST_KEY:
        raise StorageError(f"{KEY_RULE}, and this one has {len(key)} characters")
    try:
        parts = ast.literal_eval(key)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise StorageError(f"{KEY_RULE}, and this is none") from error
    if not isinstance(parts, tuple) or len(parts) != 6:
        raise StorageError(f"{KEY_RULE}, and this is none")
    return parts


def _read_entry(key: str, value: Any) -> Entry:
    pipeline, scheduler, steps, speedup, loss_budget, methods = _read_key(key)
    for name, text in (("pipeline", pipeline), ("scheduler", scheduler)):
        if not isinstance(text, str):
            raise StorageError(f"the {name} must be text, not {shown(text)}")
    if type(steps) is not int or not 1 <= steps <= MOST_STEPS:
        raise StorageError(
            f"steps must be a whole number from 1 to {MOST_STEPS}, not {shown(steps)}"
        )
    if not _is_number(speedup) or speedup <= 0:
        raise StorageError(f"the speedup must be a number above 0, not {shown(speedup)}")
    if not _is_number(loss_budget):
        raise StorageError(f"the loss budget must be a number, not {shown(loss_budget)}")
    if not isinstance(methods, list | tuple) or not all(isinstance(each, str) for each in methods):
        raise StorageError(f"the methods must be a list of names, not {shown(methods)}")
    if not methods:
        raise StorageError("at least one method must be named")
    return Entry(key, pipeline, scheduler, steps, tuple(methods), dict(_read_params(value)))


def _read_params(value: Any) -> Iterator[tuple[str, int | float]]:
    if not isinstance(value, tuple):
        raise StorageError("its value must be an object of parameters")
    ours = {theirs: name for name, theirs in SPELLINGS.items()}
    seen = set()
    for given, number in value:
        name = ours.get(given, given)
        if name in seen:
            raise StorageError(f"the parameter {plain(given)} is given twice")
        if not _is_number(number):
            raise StorageError(
                f"the parameter {plain(given)} must be a number, not {shown(number)}"
            )
        seen.add(name)
        yield name, number


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= GREATEST
