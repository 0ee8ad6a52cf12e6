"""Sentences and entries that limit metrics and memory."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.tasks.task import Task, read_task
from generator.tasks.writing import task_json, task_sentence
from objectives.errors import InputError
from studies.budgets import budget_words, read_budgets

START = "tiny-shapes, DeepCache, "


@pytest.mark.parametrize(
    ("words", "limits"),
    [
        ("LPIPS at most 0.15", {"lpips": 0.15}),
        ("LPIPS不超过0.15", {"lpips": 0.15}),
        ("LPIPS under 15%", {"lpips": 0.15}),
        ("SSIM at least 0.9", {"ssim": 0.1}),
        ("SSIM of at least 90%", {"ssim": 0.1}),
        ("SSIM不低于0.9", {"ssim": 0.1}),
        ("SSIM loss at most 10%", {"ssim": 0.1}),
        ("MS-SSIM >= 0.95", {"ms_ssim": 0.05}),
        ("PSNR at least 40 dB", {"psnr": 0.01}),
        ("PSNR ≥ 40dB", {"psnr": 0.01}),
        ("attributes loss under 3%", {"attributes": 0.03}),
        ("属性损失不超过3%", {"attributes": 0.03}),
        ("image similarity at least 0.9", {"image_similarity": 0.1}),
        ("memory at most 20 GiB", {"memory_mib": 20480.0}),
        ("under 512MiB of VRAM", {"memory_mib": 512.0}),
        ("显存不超过20GiB", {"memory_mib": 20480.0}),
        ("显存20GB以内", {"memory_mib": 20 * 10**9 / 2**20}),
        ("under 900 ms SSIM at least 0.9", {"ssim": 0.1}),
        ("MS SSIM at least 0.9", {"ms_ssim": 0.1}),
        ("SSIM at least 0.9, LPIPS at most 0.2, 2x", {"lpips": 0.2, "ssim": 0.1}),
    ],
)
def test_a_sentence_limits_metrics_and_memory(words: str, limits: dict[str, float]) -> None:
    task = read_task(START + words)
    assert dict(task.budgets) == pytest.approx(limits)
    of_memory_alone = limits.keys() == {"memory_mib"}
    # What limits another metric leaves the CLIP loss to the study.
    assert task.loss_budget == (0.02 if of_memory_alone else None)
    assert any("no CLIP loss given" in note for note in task.notes) is not of_memory_alone
    both = read_task(f"{START}{words}, loss at most 1%")
    assert both.limits == pytest.approx({"clip_loss": 0.01, **limits})
    for written in (both, task):
        assert_is_read_back(written)


def assert_is_read_back(task: Task) -> None:
    for language in ("en", "zh"):
        again = read_task(task_sentence(task, language))
        assert again.limits == task.limits
    entry = json.dumps(task_json(task))
    assert read_task(entry).limits == task.limits


def budgeted(limits: dict[str, float]) -> Task:
    loss = limits.pop("clip_loss")
    return Task(
        pipeline="tiny-shapes",
        methods=("deepcache",),
        loss_budget=loss,
        budgets=tuple(sorted(limits.items())),
    )


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (
            {"clip_loss": 0.02, "attributes": 0.03, "memory_mib": 2048.0},
            "loss at most 2%, attributes loss at most 3%, memory at most 2 GiB",
        ),
        ({"clip_loss": 0.0123456, "ssim": 0.07}, "loss at most 1.23456%, SSIM loss at most 7%"),
        ({"clip_loss": -0.0, "memory_mib": 512.0}, "loss at most 0%, memory at most 512 MiB"),
        ({"clip_loss": -0.01, "memory_mib": 1536.0}, "loss at most -1%, memory at most 1.5 GiB"),
        ({"clip_loss": 0.2, "memory_mib": 20e9 / 2**20}, "loss at most 20%, memory at most 20 GB"),
    ],
)
def test_budgets_are_written_as_a_person_writes_them(limits: dict[str, float], words: str) -> None:
    written = task_sentence(budgeted(limits))
    assert written == f"tiny-shapes, DDIM, 20 steps, DeepCache, {words}"


@settings(max_examples=300, database=None)
@given(
    st.fixed_dictionaries({
        "clip_loss": st.floats(-0.999, 0.5),
        "ssim": st.floats(0, 0.5),
        "lpips": st.floats(0, 1e9),
        "memory_mib": st.floats(1e-9, 1e8),
    })
)  # fmt: skip
def test_any_budgets_are_read_back_to_the_last_digit(limits: dict[str, float]) -> None:
    options = [budget_words(name, most) for name, most in limits.items()]
    assert read_budgets(options).limits == limits
    assert_is_read_back(budgeted(limits))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("LPIPS at least 0.15", "limits the loss from below"),
        ("SSIM at most 0.9", "limits SSIM from above"),
        ("SSIM at least 0.3", "50% is the most"),
        ("SSIM loss at most 60%", "from 0 to 50%"),
        ("LPIPS at most -1", "is no budget, which is 0 or more"),
        ("attributes at least 95%", 'write it like "attributes loss at most 10%"'),
        ("SSIM at least 30 dB", "mixes two things"),
        ("LPIPS at most 2x", "mixes two things"),
        ("SSIM LPIPS at most 0.1", "mixes two things"),
        ("memory at most 20", "has no unit, MiB or GiB"),
        ("memory at least 20 GiB", "limits the memory from below"),
        ("memory at most 50%", "mixes two things"),
        ("memory at most 0 GiB", "is no amount of memory"),
        ("at most 30 dB", "does not say what it is"),
        ("LPIPS at most 0.15, LPIPS at most 0.2", "contradict each other"),
        ("LPIPS", "no number"),
        ("LPISP at most 0.1", "did you mean"),
    ],
)
def test_what_limits_nothing_a_task_can_is_refused_in_one_line(words: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as raised:
        read_task(START + words)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("budgets", "told"),
    [
        ({"sim": 0.1}, "there is no budget 'sim'"),
        ({"clip_loss": 0.1}, "there is no budget 'clip_loss'"),
        ({"ssim": None}, "ssim is a share, or text"),
        ({"ssim": True}, "ssim is a share, or text"),
        ({"ssim": 0.9}, "from 0 to 50%"),
        ({"ssim": "2x"}, "mixes two things"),
        ({"ssim": "10%, loss 2%"}, "must be one amount"),
        ({"memory": 20}, "has no unit"),
        ([0.1], "cannot be read"),
    ],
)
def test_an_entry_with_other_budgets_is_refused(budgets: object, told: str) -> None:
    entry = {"pipeline": "tiny-shapes", "methods": ["deepcache"], "budgets": budgets}
    with pytest.raises(InputError, match=told):
        read_task(json.dumps(entry))
