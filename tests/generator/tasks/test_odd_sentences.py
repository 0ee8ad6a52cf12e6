"""What strangers may write, odd as it is: read as it is meant or refused, never as another wish."""

from __future__ import annotations

from typing import Any

import pytest

from generator.tasks.task import Task, read_task
from objectives.errors import InputError

# ruff: noqa: RUF001

PLAIN = Task(pipeline="SDXL", methods=("deepcache",))

READ: dict[str, dict[str, Any]] = {
    "3 times as fast": {"speedup": 3.0},
    "2x as fast": {"speedup": 2.0},
    "loss 0": {"loss_budget": 0.0},
    "loss at most 0%": {"loss_budget": 0.0},
    "- ToMe": {"methods": ("deepcache", "tome")},
    "no less than 2x": {"speedup": 2.0},
    "2 times faster": {"speedup": 2.0},
    "more than 2x faster": {"speedup": 2.0},
    ">2x": {"speedup": 2.0},
    ">= 2x": {"speedup": 2.0},
    "2x+": {"speedup": 2.0},
    "2x min": {"speedup": 2.0},
    "min 2x": {"speedup": 2.0},
    "speedup 2": {"speedup": 2.0},
    "under 1 second": {"latency_s": 1.0},
    "under 1s": {"latency_s": 1.0},
    "under 1000ms": {"latency_s": 1.0},
    "1 s per image": {"latency_s": 1.0},
    "1s/img": {"latency_s": 1.0},
    "quality 95%": {"loss_budget": 0.05},
    "95% quality": {"loss_budget": 0.05},
    "at least 95% quality": {"loss_budget": 0.05},
    "quality above 95%": {"loss_budget": 0.05},
    "quality drop 5%": {"loss_budget": 0.05},
    "quality drop at most 5%": {"loss_budget": 0.05},
    "accuracy 97%": {"loss_budget": 0.03},
    "97% accuracy": {"loss_budget": 0.03},
    "clip score at least 95%": {"loss_budget": 0.05},
    "loss 0.5": {"loss_budget": 0.5},
    "loss 1%": {"loss_budget": 0.01},
    "loss under 1 percent": {"loss_budget": 0.01},
    "loss <= 3 %": {"loss_budget": 0.03},
    "loss is 3%": {"loss_budget": 0.03},
    "loss -2%": {"loss_budget": -0.02},
    "30 step": {"steps": 30},
    "30steps": {"steps": 30},
    "num_inference_steps 30": {"steps": 30},
    "loss ３％": {"loss_budget": 0.03},
    "２．５x": {"speedup": 2.5},
    "2倍速度": {"speedup": 2.0},
    "快2倍": {"speedup": 2.0},
    "快了2倍": {"speedup": 2.0},
    "提速到2倍": {"speedup": 2.0},
    "加速到2倍": {"speedup": 2.0},
    "加速2倍": {"speedup": 2.0},
    "加速至少2倍": {"speedup": 2.0},
    "2倍加速": {"speedup": 2.0},
    "速度快2倍": {"speedup": 2.0},
    "速度不低于2倍": {"speedup": 2.0},
    "速度至少2x": {"speedup": 2.0},
    "时间不超过1秒": {"latency_s": 1.0},
    "1秒内": {"latency_s": 1.0},
    "质量保持95%": {"loss_budget": 0.05},
    "质量保持在95%以上": {"loss_budget": 0.05},
    "质量不低于原来的95%": {"loss_budget": 0.05},
    "质量下降5%": {"loss_budget": 0.05},
    "质量下降不超过5%": {"loss_budget": 0.05},
    "精度损失小于3%": {"loss_budget": 0.03},
    "精度不低于97%": {"loss_budget": 0.03},
    "至少快2倍": {"speedup": 2.0},
    "2倍以上": {"speedup": 2.0},
    "at least 2x with 98% of the quality": {"speedup": 2.0},
    "in 40% of the time at 97% quality": {"speedup": 2.5, "loss_budget": 0.03},
    "2倍速度,质量不低于98%": {"speedup": 2.0},
}
"""What each piece adds to the plain task."""

REFUSED = (
    "twice as fast", "three times as fast", "half the time", "in half of the time",
    "in 1/2 the time", "1/2 of the time", "a third of the time", "lossless", "no quality loss",
    "without any quality loss", "no loss", "zero loss", "loss at most zero", "not T-GATE",
    "without ToMe", "no ToMe", "but no T-GATE", "except ToMe", "DeepCache only", "only DeepCache",
    "just DeepCache", "excluding ToMe", "w/o ToMe", "minus ToMe", "-ToMe", "~ToMe", "ToMe: no",
    "ToMe=false", "ToMe=0", "ToMe off", "ToMe disabled", "disable ToMe", "don't use ToMe",
    "do not use ToMe", "avoid ToMe", "skip ToMe", "instead of ToMe", "never ToMe",
    "neither ToMe nor T-GATE", "DeepCache rather than ToMe", "ToMe is forbidden",
    "no more than 2x", "not more than 2x", "not slower than 2x", "at least two times faster",
    "2x faster than the baseline", "faster than 2x", "2x or faster", "2x or slower",
    "at least 2x slower", "2x slower", "slower by 2x", "speedup between 2x and 3x", "2x to 3x",
    "2-3x", "2x-3x", "from 2x to 3x", "<2x", "< 2x", "2x max", "max 2x", "up to 2x",
    "up to 2x faster", "speedup: 200%", "200% faster", "200% speed", "100% faster", "50% faster",
    "at most 50% slower", "50% less time", "50% time saving", "save 50% of the time",
    "saving at least 50% of the time", "reduce the time by 50%", "cut latency in half",
    "cut the time to 50%", "latency reduced to 50%", "latency down to 50%",
    "latency reduction at least 50%", "time at most half", "time at most 0.5",
    "time at most 0.5x", "0.5x the time", "at most 0.5x the time", "latency 0.5x",
    "under 1,000 ms", "under 1.000 ms", "under a second", "below 1 min", "under 1 minute",
    "in 1 second", "takes at most 2 seconds", "at most 2 seconds for 4 images",
    "at most 8 s for 8 pictures", "2 images per second", "at least 2 images per second",
    "at least 2 it/s", "at least 5 fps", "throughput 2x", "quality better than 95%",
    "quality not below 95%", "quality no worse than 95%", "quality may drop 5%",
    "quality within 5%", "quality within 5% of the original", "5% quality", "keep quality at 5%",
    "lose at most 2%", "lose 2% quality", "losing no more than 2% of quality",
    "degrade at most 2%", "at most 2% degradation", "2% tolerance", "tolerance 2%",
    "CLIP score at least 0.3", "similarity at least 95%", "loss 2",
    "loss 2.5", "loss 100%", "loss under one percent", "loss at most 2 percent points",
    "loss at most 2pp", "loss exactly 2%", "loss ~2%", "loss about 2%", "loss at least 1%",
    "loss between 1% and 2%", "20 steps at most 2x", "twenty steps", "20 or 25 steps",
    "20-25 steps", "at most 20 steps", "steps 20%", "50 percent of the steps", "half the steps",
    "step count 20", "25 iterations", "25 steps 30 steps", "batch size 8", "batches of 8",
    "8 images", "1024x1024", "512x512", "guidance 7.5", "cfg 7.5", "seed 0", "fp16", "on H100",
    "on an A100 GPU", "cache interval 3", "interval 3", "gate step 10", "DPM++ 3M",
    "DPM++ 2M Karras", "Euler a", "Karras", "LCM 4 steps", "１００％", "二倍", "两倍速度",
    "2倍速", "快一倍", "快50%", "提速50%", "加速50%以上", "速度提升2倍", "速度提高50%",
    "速度翻倍", "时间减半", "时间减少50%", "时间缩短到50%", "耗时降低50%", "耗时降到原来的50%",
    "只用50%的时间", "一半时间", "用一半的时间", "时间不超过原来的一半", "时间不低于50%",
    "1秒以内出图", "每秒2张", "每秒至少2张图", "质量不降", "质量不下降", "不损失质量", "画质无损",
    "质量损失不超过百分之二", "质量低于95%", "质量降低不超过5%", "精度损失不低于2%", "精度98",
    "损失2个百分点", "损失万分之五", "损失千分之五", "损失5‰", "不用ToMe", "不要用ToMe",
    "不使用ToMe", "禁用ToMe", "去掉ToMe", "除ToMe外", "除了ToMe", "不含ToMe", "无ToMe",
    "没有ToMe", "别用ToMe", "非ToMe", "只用DeepCache", "仅用DeepCache", "而非ToMe", "不超过2倍",
    "最多2倍", "至多快2倍", "2倍以内", "2倍以下", "大约2倍", "2倍左右", "2到3倍", "2~3倍",
    "2-3倍", "20步以内", "至少20步", "二十步", "20到25步", "at most 2x as fast", "50% as fast",
    "2 images/s", "loss 20", "质量提升2%", "速度降低50%",
)  # fmt: skip


@pytest.mark.parametrize("piece", READ)
def test_an_odd_piece_is_read_as_it_is_meant(piece: str) -> None:
    task = read_task(f"SDXL, DeepCache, {piece}")
    assert task.model_copy(update={"text": "", "notes": ()}) == PLAIN.model_copy(update=READ[piece])


@pytest.mark.parametrize("piece", REFUSED)
@pytest.mark.parametrize("sentence", ["SDXL, DeepCache, {}", "{}; SDXL with DeepCache, 2x"])
def test_an_odd_piece_that_may_mean_several_things_is_refused(piece: str, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        read_task(sentence.format(piece))
    assert len(str(refused.value).splitlines()) == 1
