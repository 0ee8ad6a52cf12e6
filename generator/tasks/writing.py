"""Tasks written down: as sentences, and as entries of task files."""

from __future__ import annotations

from typing import Any, Literal

from generator.tasks.entry_values import MEMORY_KEY
from generator.tasks.task import OWN, Task
from generator.tasks.words import METHOD_WORDS
from objectives.settings.entries import written_entries
from storage.records.budgets import (
    CLIP_LOSS,
    MEMORY,
    Budgets,
    digits,
    exact_amount,
    metric_title,
    title,
)

_EN = {CLIP_LOSS: "loss", MEMORY: "memory"}
_ZH = {CLIP_LOSS: "精度损失", MEMORY: "显存"}
"""Names of the budgets other than losses in metrics."""


def asked_limits(budgets: Budgets) -> dict[str, Any]:
    """The fields of a task that asks for budgets."""
    limits = budgets.limits()
    return {
        "loss_budget": limits.pop(CLIP_LOSS, None),
        "budgets": tuple(sorted(limits.items())),
    }


def task_json(task: Task) -> dict[str, Any]:
    """The task as an entry of a task file; `read_entry` makes the same task of it."""
    entry = task.model_dump(mode="json", include=set(OWN) - {"budgets"})
    limits = {
        MEMORY_KEY if name == MEMORY else name: exact_amount(name, most) if name == MEMORY else most
        for name, most in task.budgets
    }
    return entry | ({"budgets": limits} if limits else {}) | written_entries(task.settings)


def task_sentence(task: Task, language: Literal["en", "zh"] = "en") -> str:
    """The task as a sentence in English or Chinese; `read_task` makes the same task of it."""
    methods = [METHOD_WORDS.get(name, (name,))[0] for name in task.methods]
    if language == "zh":
        parts = [
            f"用{'和'.join(methods)}加速{task.pipeline}",
            f"{task.scheduler}采样{task.steps}步",
            *([f"加速比不低于{digits(task.speedup)}x"] if task.speedup is not None else []),
            *([f"每张不超过{digits(task.latency_s)}秒"] if task.latency_s is not None else []),
            *(
                f"{_ZH.get(name) or f'{metric_title(name)}损失'}不超过{exact_amount(name, most)}"
                for name, most in task.limits.items()
            ),
        ]
        return "\N{FULLWIDTH COMMA}".join(parts)
    parts = [
        task.pipeline,
        task.scheduler,
        f"{task.steps} steps",
        " + ".join(methods),
        *([f"at least {digits(task.speedup)}x"] if task.speedup is not None else []),
        *([f"under {digits(task.latency_s)} s per image"] if task.latency_s is not None else []),
        *(
            f"{_EN.get(name) or title(name)} at most {exact_amount(name, most)}"
            for name, most in task.limits.items()
        ),
    ]
    return ", ".join(parts)
