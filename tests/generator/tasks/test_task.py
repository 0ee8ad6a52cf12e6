"""Sentences, read as tasks."""

from __future__ import annotations

from typing import Any

import pytest

from generator.tasks import task as tasks
from generator.tasks.task import read_task
from objectives.errors import InputError
from objectives.pipelines.catalogue import PIPELINES
from studies.request import DEFAULT_LOSS_BUDGET

# ruff: noqa: RUF001


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            "SDXL, DPM-Solver++, 25 steps, DeepCache + T-GATE, at least 2.5x, loss at most 2%",
            ("SDXL", "DPM-Solver++", 25, ("deepcache", "tgate"), 2.5, None, 0.02),
        ),
        (
            "SD1.5 with DDIM, 50 steps, accelerated by DeepCache and T-GATE, "
            "at least 3.04x speedup, precision loss no more than 0.02",
            ("SD1.5", "DDIM", 50, ("deepcache", "tgate"), 3.04, None, 0.02),
        ),
        (
            "用DeepCache加速tiny-shapes,DDIM采样20步,加速比不低于1.3x,精度损失不超过0.02",
            ("tiny-shapes", "DDIM", 20, ("deepcache",), 1.3, None, 0.02),
        ),
        (
            "Speed up PixArt-α with token merging in 30 UniPC steps, under 1.2 s an image, 1% loss",
            ("PixArt-alpha", "UniPC", 30, ("tome",), None, 1.2, 0.01),
        ),
        (
            "请用令牌合并加速stable diffusion v1-5，ＤＰＭ＋＋采样２５步，快３．０４倍，"
            "每张图８００毫秒以内，损失在１．５％以内",
            ("SD1.5", "DPM-Solver++", 25, ("tome",), 3.04, 0.8, 0.015),
        ),
    ],
)
def test_a_sentence_says_a_whole_task(sentence: str, expected: tuple[Any, ...]) -> None:
    task = read_task(sentence)
    assert (
        task.pipeline,
        task.scheduler,
        task.steps,
        task.methods,
        task.speedup,
        task.latency_s,
        task.loss_budget,
    ) == expected
    assert task.text == sentence


@pytest.mark.parametrize(
    ("piece", "field", "value"),
    [
        ("3x faster", "speedup", 3),
        ("at least 3.04x", "speedup", 3.04),
        ("3 times faster or more", "speedup", 3),
        ("speedup of at least 2.5", "speedup", 2.5),
        ("speedup ≥ 2.5×", "speedup", 2.5),
        ("2.5-fold speedup", "speedup", 2.5),
        ("加速比不低于3.04x", "speedup", 3.04),
        ("提速3倍以上", "speedup", 3),
        ("under 1.2 s per image", "latency_s", 1.2),
        ("at most 800 ms per picture", "latency_s", 0.8),
        ("within 0.5 seconds per image", "latency_s", 0.5),
        ("latency <= 1.2 s/image", "latency_s", 1.2),
        ("每张不超过1.2秒", "latency_s", 1.2),
        ("quality at least 95%", "loss_budget", 0.05),
        ("at least 95% of the quality", "loss_budget", 0.05),
        ("保持97.5%以上的质量", "loss_budget", 0.025),
        ("loss of quality at most 2%", "loss_budget", 0.02),
        ("run in under 50% of the time", "speedup", 2),
        ("in less than 80% time", "speedup", 1.25),
        ("latency at most 40% of the original", "speedup", 2.5),
        ("时间控制在原来的50%以内", "speedup", 2),
        ("at least 2x the original speed", "speedup", 2),
        ("time under 1.2 s", "latency_s", 1.2),
        ("loss 0.02", "loss_budget", 0.02),
        ("with no more than 2.3 percent quality loss", "loss_budget", 0.023),
        ("a precision loss of at most .5%", "loss_budget", 0.005),
        ("loss at most -1%", "loss_budget", -0.01),
        ("精度损失不超过0.02", "loss_budget", 0.02),
        ("25-step", "steps", 25),
        ("num_inference_steps=25", "steps", 25),
        ("25 DPM++ 2M steps", "steps", 25),
        ("25 steps, 步数25", "steps", 25),
        ("Euler", "scheduler", "EulerDiscreteScheduler"),
        ("lcmscheduler", "scheduler", "LCMScheduler"),
    ],
)
def test_each_form_of_a_piece_is_read(piece: str, field: str, value: Any) -> None:
    assert getattr(read_task(f"SDXL, {piece}, DeepCache"), field) == value


@pytest.mark.parametrize(
    ("piece", "quoted", "expected"),
    [
        ("SD9", '"SD9"', "pipelines: tiny-shapes"),
        ("SDXL-Turbo", '"SDXL-Turbo"', "not known"),
        ("LCM", '"LCM"', "not known"),
        ("FooScheduler", '"FooScheduler"', "not known"),
        ("EulerDiscretScheduler", '"EulerDiscretScheduler"', "mean EulerDiscreteScheduler?"),
        ("DeepCach", '"DeepCach"', "did you mean deepcache?"),
        ("TeaCache", '"TeaCache" is not known; pipelines', "methods: deepcache"),
        ("FLUX", '"FLUX"', "say which: FLUX.1-dev or FLUX.1-schnell"),
        ("SD3.5", '"SD3.5"', "say which: SD3.5-medium or SD3.5-large"),
        ("at lest 3x", '"lest"', "not known"),
        ("画得漂亮", '"画得漂亮"', "not known"),
        ("stable diffusion", '"stable diffusion"', "SD1.5, SD2.1 or SDXL"),
        ("SD1.5", '"SDXL" and "SD1.5"', "contradict"),
        ("DDIM, UniPC", '"DDIM" and "UniPC"', "contradict"),
        ("20 steps, 25 steps", '"20 steps" and "25 steps"', "contradict"),
        ("at least 2x, 3x faster", '"at least 2x" and "3x faster"', "contradict"),
        ("loss 2%, loss at most 0.03", '"loss 2%" and "loss at most 0.03"', "contradict"),
        ("tgate, cfg cutoff", '"tgate" and "cfg cutoff"', "cannot be used together"),
        ("or T-GATE", '"or"', "a task for each"),
        ("without T-GATE", '"without"', "not what to leave out"),
        ("twice as fast", '"twice"', '"2x"'),
        ("加速三倍", '"三"', '"2x"'),
        ("about 3x", '"about"', '"at least"'),
        ("25", '"25"', '"25 steps"'),
        ("1.2 s", '"1.2 s"', '"under 1.2 s per image"'),
        ("2%", '"2%"', '"loss at most 2%"'),
        ("at least 3", '"at least 3"', '"at least 2.5x"'),
        ("30% faster", '"30% faster"', '"at least 1.3x"'),
        ("loss at most 2", '"loss at most 2"', "with %, or as a share"),
        ("loss 150%", '"loss 150%"', "above 50%"),
        ("latency under 1.2", '"latency under 1.2"', "no unit"),
        ("at most 3x", '"at most 3x"', "a task says the least speedup"),
        ("at least 1.2 s per image", '"at least 1.2 s"', "a task says the most time"),
        ("no less than 2% loss", '"no less than 2% loss"', "a task says the greatest loss"),
        ("at most 25 steps", '"at most 25 steps"', "a task says how many they are"),
        ("quality at most 95%", '"quality at most 95%"', "a task says the least quality"),
        ("速度不超过原来的50%", '"速度不超过原来的50%"', "a task says the least speedup"),
        ("at most 2%", '"at most 2%"', '"loss at most 2%"'),
        ("控制在原来的50%以内", '"控制在原来的50%以内"', '"time at most 50%"'),
        ("time 50%", '"time 50%"', "more than one way"),
        ("accelerate time by at most 80%", '"time by at most 80%"', "more than one way"),
        ("quality by 5%", '"quality by 5%"', "more than one way"),
        ("time under 0%", '"time under 0%"', "leaves no time"),
        ("time under 150%", '"time under 150%"', "slower than the baseline"),
        ("at least 0.5x", '"at least 0.5x"', "slower than the baseline"),
        ("快1倍", '"快1倍"', '"at least 2x"'),
        ("2x the time", '"2x the time"', "mixes two things"),
        ("2x the quality", '"2x the quality"', "mixes two things"),
        ("loss at most 51%", '"loss at most 51%"', "above 50%"),
        ("quality at least 5%", '"quality at least 5%"', "above 50%"),
        ("lossless", '"lossless"', '"loss at most 1%"'),
        ("no quality loss", '"no quality loss"', '"loss at most 1%"'),
        ("无损", '"无损"', '"loss at most 1%"'),
        ("!ToMe", '"!"', "no meaning here"),
        ("loss at most 3x", '"loss at most 3x"', "mixes two things"),
        ("步数为44%", '"步数为44%"', "mixes two things"),
        ("25.5 steps", '"25.5 steps"', "whole number"),
        ("2000 steps", '"2000 steps"', "less than or equal to 1000"),
        ("0 steps", '"0 steps"', "greater than or equal to 1"),
        ("at least 0x", '"at least 0x"', "greater than 0"),
        ("loss, 0.02", '"loss"', "no number"),
        ("x faster", '"x"', "no number"),
        ("3,04x", '"3,04"', "3.04"),
        ("1.2.3x", '"1.2.3"', "3.04"),
        ("25DDIM steps", '"25DDIM"', "with its unit"),
        ("2 - 3x", '"-"', "no meaning here"),
        ("\x1b[31m", r'"\x1b"', "no meaning here"),
    ],
)
def test_what_cannot_be_read_is_quoted_with_what_was_expected(
    piece: str, quoted: str, expected: str
) -> None:
    with pytest.raises(InputError) as refused:
        read_task(f"SDXL, DeepCache, {piece}")
    message = str(refused.value)
    assert quoted in message
    assert expected in message
    assert "\n" not in message


def test_what_is_missing_and_has_no_default_is_said_with_what_is_known() -> None:
    with pytest.raises(InputError, match=r"no pipeline in .*pipelines: tiny-shapes"):
        read_task("DeepCache, at least 2x")
    with pytest.raises(InputError, match=r"no methods in .*methods: deepcache"):
        read_task("SDXL, at least 2x")
    with pytest.raises(InputError, match="no pipeline and no methods"):
        read_task("")


def test_defaults_and_readings_are_told() -> None:
    assert read_task("SDXL with DeepCache").notes == (
        "no scheduler given: DDIM is used",
        "no steps given: 20 is used",
        "no loss budget given: 2% is used",
        "no speedup or latency given: the fastest point inside the loss budget is used",
    )
    told = read_task("SDXL, DDIM, 20 steps, DeepCache, 3x faster, under 1 s, loss 2%").notes
    assert told == (
        '"3x faster" is read as a speedup of at least 3',
        '"under 1 s" is read as time per image',
    )
    whole = "SDXL, DDIM, 20 steps, DeepCache, at least 3x, under 1 s per image, loss at most 2%"
    assert read_task(whole).notes == ()


def test_defaults_are_those_of_the_study_command() -> None:
    assert tasks.DEFAULT_LOSS_BUDGET == DEFAULT_LOSS_BUDGET
    for name, entry in PIPELINES.items():
        task = read_task(f"{name} with compile")
        assert (task.scheduler, task.steps) == (entry.usual_scheduler, entry.steps)
    assert read_task("FLUX.1-dev with compile").notes[:2] == (
        "no scheduler given: FlowMatchEuler is used",
        "no steps given: 28 is used",
    )


def test_to_me_is_not_a_method() -> None:
    assert read_task("give to me a script for SDXL with DeepCache").methods == ("deepcache",)


@pytest.mark.parametrize(
    "text",
    [
        "FLUX.1-dev, 28 steps, MagCache and compile, at least 2.5x",
        "用MagCache和编译加速FLUX.1-dev, 采样28步, 加速比不低于2.5x",
        "FLUX.1-dev 跑28步，MagCache 加上 compile，加速至少 2.5 倍",
    ],
)
def test_a_transformer_of_today_is_read_in_both_languages(text: str) -> None:
    task = read_task(text)
    assert (task.pipeline, task.scheduler, task.steps) == ("FLUX.1-dev", "FlowMatchEuler", 28)
    assert (task.methods, task.speedup) == (("compile", "mag_cache"), 2.5)
