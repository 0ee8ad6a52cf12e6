"""What a task may hold, how it is written, and the words for it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from accel_space.methods import METHODS
from generator.tasks.lexer import lex
from generator.tasks.task import Task, read_task
from generator.tasks.words import METHOD_WORDS, PIPELINE_WORDS, Kind
from generator.tasks.writing import task_json, task_sentence
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.schedulers import SCHEDULER_WORDS


def test_a_json_object_is_a_task() -> None:
    entry = '{"pipeline": "sdxl", "methods": "T-GATE+DeepCache", "steps": 25, "speedup": "2.5x"}'
    task = read_task(entry)
    assert (task.pipeline, task.methods, task.steps) == ("SDXL", ("deepcache", "tgate"), 25)
    assert (task.speedup, task.text) == (2.5, entry)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_written_sentence_loses_nothing(language: Any) -> None:
    task = Task(
        pipeline="SD1.5",
        scheduler="UniPC",
        steps=7,
        methods=("tgate", "deepcache"),
        speedup=1.2345678901234567,
        latency_s=1e-05,
        loss_budget=-0.001,
    )
    read = read_task(task_sentence(task, language))
    assert task_json(read) == task_json(task)
    assert read.notes == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"pipeline": "x'; import os"},
        {"scheduler": 'DDIM"\nimport os'},
        {"scheduler": "DDIM\n"},
        {"steps": 0},
        {"steps": 1001},
        {"steps": True},
        {"methods": ()},
        {"methods": ("os",)},
        {"methods": ("tgate", "cfg_cutoff")},
        {"speedup": 0.0},
        {"speedup": 0.99},
        {"speedup": float("nan")},
        {"speedup": 101.0},
        {"latency_s": float("inf")},
        {"loss_budget": 1.0},
        {"loss_budget": 0.51},
        {"loss_budget": "0.02"},
        {"code": "import os"},
    ],
)
def test_a_task_holds_nothing_but_known_names_and_numbers_in_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Task(**{"pipeline": "SDXL", "methods": ("deepcache",), **wrong})


def test_all_names_of_the_catalogue_and_all_methods_are_words() -> None:
    assert PIPELINES.keys() <= PIPELINE_WORDS.keys()
    assert METHODS.keys() <= METHOD_WORDS.keys()
    for kind, names in (
        (Kind.PIPELINE, PIPELINE_WORDS),
        (Kind.SCHEDULER, SCHEDULER_WORDS),
        (Kind.METHOD, METHOD_WORDS),
    ):
        for name, aliases in names.items():
            for word in (name, *aliases, name.upper(), name.replace("-", " ")):
                assert [(token.kind, token.value) for token in lex(word)] == [(kind, name)], word


def test_schedulers_are_classes_of_diffusers() -> None:
    from objectives.pipelines.schedulers import scheduler_name

    assert [scheduler_name(name) for name in SCHEDULER_WORDS] == list(SCHEDULER_WORDS)


def test_tasks_are_read_without_torch() -> None:
    code = (
        "import sys, generator.tasks.task_files as f; "
        "f.read_task('SDXL, deepcache'); "
        "print({'torch', 'diffusers', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
