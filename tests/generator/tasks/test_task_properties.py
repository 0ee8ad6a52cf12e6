"""Ten thousand sentences say what they were made from; ten thousand damaged ones say no more."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.tasks.task import DEFAULT_LOSS_BUDGET, Task, read_task
from generator.tasks.writing import task_json, task_sentence
from objectives.errors import InputError
from tests.generator.tasks.task_oracle import numbers_with_roles
from tests.generator.tasks.task_sentences import (
    TIME_SHARES,
    UNSAID_SHARES,
    join,
    mutated,
    random_clauses,
    random_task,
    shuffled,
)

# Ten sentences an example, each from one random source: hypothesis takes longer than parsing.
SEEDS = st.integers(0, 2**63)
MANY = settings(max_examples=200, database=None)
SENTENCES = 10
WITHOUT_NUMBER = {
    # That of all pipelines which these sentences name.
    "steps": 20,
    "speedup": None,
    "latency_s": None,
    "loss_budget": DEFAULT_LOSS_BUDGET,
    **dict.fromkeys(["lpips", "ssim", "attributes", "memory_mib"]),
}


def sentence(random: Random) -> tuple[Task, str]:
    task, language = random_task(random), random.choice(["en", "zh"])
    return task, join(random_clauses(task, random, language), random, language)


def damaged_sentence(random: Random) -> str:
    language = random.choice(["en", "zh"])
    clauses, others = (random_clauses(random_task(random), random, language) for _ in range(2))
    return mutated(join(shuffled(clauses, others, random), random, language), random)


@MANY
@given(SEEDS)
def test_a_sentence_is_read_as_the_task_it_was_made_from(seed: int) -> None:
    random = Random(seed)
    for _ in range(SENTENCES):
        task, text = sentence(random)
        assert task_json(read_task(text)) == task_json(task), text


def test_a_damaged_sentence_is_refused_or_each_of_its_numbers_has_its_own_role() -> None:
    kept = []

    @MANY
    @given(SEEDS)
    def check(seed: int) -> None:
        random = Random(seed)
        for _ in range(SENTENCES):
            text = damaged_sentence(random)
            try:
                task = read_task(text)
            except InputError as error:
                assert str(error).isprintable(), text
            else:
                kept.append(text)
                assert_numbers_have_their_roles(task, text)

    check()
    assert len(kept) > 200, "too few damaged sentences can still be read to prove anything"


def asked(task: Task, name: str) -> float | None:
    """What a task asks of a field, or of what a budget limits."""
    found: float | None = (
        getattr(task, name, None) if hasattr(task, name) else task.limits.get(name)
    )
    if name == "loss_budget" and found is None and task.limits.keys() - {"memory_mib"}:
        return DEFAULT_LOSS_BUDGET
    return found


def assert_numbers_have_their_roles(task: Task, text: str) -> None:
    numbers = numbers_with_roles(text)
    for roles in numbers:
        # No number is passed over, none is read as something else.
        assert any(asked(task, name) == value for name, value in roles), text
    for name, default in WITHOUT_NUMBER.items():
        said = {value for roles in numbers for each, value in roles if each == name}
        # Words beside a percentage may leave open what it is of.
        surely = any({each for each, _ in roles} == {name} for roles in numbers)
        value = asked(task, name)
        assert value in said or (not surely and value == default), text


def with_share(random: Random, forms: dict[str, list[str]]) -> tuple[Task, str, int]:
    """A task without a speed and a sentence of it that says a percentage too."""
    task, language = random_task(random), random.choice(["en", "zh"])
    fields = task.model_fields_set - {"speedup", "latency_s"}
    task = Task(**{name: getattr(task, name) for name in fields})
    percent = random.randint(1, 100)
    clauses = random_clauses(task, random, language)
    said = random.choice(forms[language]).format(p=percent)
    clauses.insert(random.randint(0, len(clauses)), said)
    return task, "; ".join(clauses), percent


@MANY
@given(SEEDS)
def test_a_share_of_the_time_is_a_speedup_and_never_a_loss_budget(seed: int) -> None:
    task, text, percent = with_share(Random(seed), TIME_SHARES)
    read = read_task(text)
    assert read.speedup == pytest.approx(100 / percent), text
    assert task_json(read) == {**task_json(task), "speedup": read.speedup}, text


@MANY
@given(SEEDS)
def test_a_percentage_that_does_not_say_what_may_be_asked_is_refused(seed: int) -> None:
    _, text, percent = with_share(Random(seed), UNSAID_SHARES)
    with pytest.raises(InputError, match=rf"{percent} ?(%|percent)"):
        read_task(text)


@settings(max_examples=200, database=None)
@given(SEEDS)
def test_the_written_sentence_is_read_as_the_same_task(seed: int) -> None:
    task = random_task(Random(seed))
    assert task_json(read_task(task_sentence(task, "en"))) == task_json(task)
    assert task_json(read_task(task_sentence(task, "zh"))) == task_json(task)


@settings(max_examples=300, database=None)
@given(st.text(max_size=60))
def test_any_text_is_a_task_or_refused_in_one_line(text: str) -> None:
    try:
        read_task(text)
    except InputError as error:
        assert "\n" not in str(error)
