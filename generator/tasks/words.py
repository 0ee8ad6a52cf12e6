"""The words of a task: names and their aliases, roles, bounds, units and fillers, en and zh.

A space or `-` inside a word may also be spaces, `-`, `_` or nothing (but not nothing or spaces
between digits); case does not matter.
To add a word, add an entry; no two entries may read alike.
"""

from __future__ import annotations

from enum import Enum

from accel_space.methods import METHODS
from objectives.pipelines.catalogue import PIPELINES
from objectives.quality import METRICS
from storage.records.budgets import CLIP_LOSS, MIB_PER_UNIT


class Kind(Enum):
    """The kinds of tokens in the grammar."""

    PIPELINE = "pipeline"
    SCHEDULER = "scheduler"
    METHOD = "method"
    SPEEDUP = "speedup"
    FASTER = "faster"
    LATENCY = "latency"
    LOSS = "loss"
    STEPS = "steps"
    TIME = "time"
    SPEED = "speed"
    QUALITY = "quality"
    TIMES = "x"
    PERCENT = "%"
    SECONDS = "s"
    MILLISECONDS = "ms"
    AT_LEAST = "at least"
    AT_MOST = "at most"
    OR_MORE = "or more"
    OR_LESS = "or less"
    PER_IMAGE = "per image"
    WHOLE = "of the original"
    BY = "by"
    FILLER = "filler"
    UNCLEAR = "unclear"
    METRIC = "metric"
    MEMORY = "memory"
    BYTES = "GiB"
    DECIBELS = "dB"
    NUMBER = "number"
    SEPARATOR = "separator"


_METRIC_ALIASES = {
    "image_similarity": ("image similarity", "图像相似度"),
    "attributes": ("attribute", "属性"),
}

PIPELINE_WORDS = {name: entry.words for name, entry in PIPELINES.items()}
"""Pipelines, and their other names."""

METHOD_WORDS = {name: method.words for name, method in METHODS.items()}
"""Methods, and their other names; `task_sentence` writes the first."""

METRIC_WORDS: dict[str, tuple[str, ...]] = {
    name: (metric.title, *_METRIC_ALIASES.get(name, ()))
    for name, metric in METRICS.items()
    if name != CLIP_LOSS
}
"""Metrics, and their other names. The CLIP loss is absent: a task just calls it loss."""

BYTES: dict[str, tuple[str, ...]] = dict.fromkeys(MIB_PER_UNIT, ())
"""Units of memory."""

PHRASES: dict[Kind, tuple[str, ...]] = {
    Kind.SPEEDUP: (
        "speedup", "speed up", "acceleration ratio", "acceleration factor", "加速比", "加速倍数",
    ),
    Kind.FASTER: ("faster", "quicker", "快", "快了", "提速"),
    Kind.LATENCY: ("latency", "latency_s", "延迟", "时延", "耗时", "用时"),
    Kind.LOSS: (
        "loss", "losses", "loss budget", "clip loss", "score loss", "precision loss",
        "accuracy loss", "quality loss", "precision drop", "quality drop", "损失", "精度损失",
        "质量损失", "画质损失", "损失预算", "精度下降", "质量下降",
    ),
    Kind.STEPS: (
        "step", "steps", "sampling steps", "inference steps", "denoising steps",
        "num inference steps", "number of steps", "步", "步数", "采样步数", "推理步数",
    ),
    Kind.TIME: (
        "time", "runtime", "run time", "running time", "wall time", "duration", "时间",
        "运行时间", "生成时间", "推理时间",
    ),
    Kind.SPEED: ("speed", "as fast", "as fast as", "速度"),
    Kind.QUALITY: (
        "quality", "image quality", "picture quality", "precision", "accuracy", "fidelity", "score",
        "clip score", "质量", "画质", "图像质量", "图片质量", "精度", "保真度",
    ),
    Kind.TIMES: ("x", "times", "fold", "倍"),
    Kind.PERCENT: ("%", "percent", "per cent", "pct"),
    Kind.SECONDS: ("s", "sec", "secs", "second", "seconds", "秒", "秒钟"),
    Kind.MILLISECONDS: ("ms", "msec", "millisecond", "milliseconds", "毫秒"),
    Kind.AT_LEAST: (
        "at least", "no less than", "not less than", "no lower than", "not lower than",
        "more than", "over", "above", "min", "minimum", "minimal", ">=", "≥", ">",
        "不低于", "不小于", "不少于", "至少", "最少", "最低", "大于", "高于", "超过", "大于等于",
    ),
    Kind.AT_MOST: (
        "at most", "no more than", "not more than", "no greater than", "not exceeding",
        "no higher than", "not above", "up to", "under", "below", "within", "less than",
        "lower than", "max", "maximum", "maximal", "<=", "≤", "<",
        "不超过", "不高于", "不大于", "不多于", "至多", "最多", "最高", "最大", "小于", "低于",
        "少于", "小于等于", "控制在",
    ),
    Kind.OR_MORE: ("or more", "or better", "or above", "以上", "及以上"),
    Kind.OR_LESS: ("or less", "or below", "以内", "以下", "之内", "内", "及以下"),
    Kind.PER_IMAGE: (
        "per image", "per picture", "an image", "a picture", "each image", "each picture",
        "every image", "every picture", "/image", "/img", "/picture", "/pic", "/张", "/图",
        "每张", "每张图", "每张图片", "每张图像", "每幅", "每幅图", "每图", "单张", "一张图",
    ),
    Kind.WHOLE: (
        "of", "the", "its", "original", "baseline", "的", "原", "原来", "原来的", "原始", "原本",
        "基线",
    ),
    Kind.BY: ("by",),
    Kind.MEMORY: (
        "memory", "peak memory", "gpu memory", "vram", "显存", "峰值显存", "显存占用", "内存",
    ),
    Kind.DECIBELS: ("db",),
}  # fmt: skip
"""Words that give a number its meaning."""

FILLERS: tuple[str, ...] = (
    # English
    "a", "achieve", "accelerate", "accelerated", "accelerating", "acceleration", "also", "an",
    "and", "as", "at", "be", "both", "but", "can", "clip", "code", "combination",
    "combined", "create", "diffusion", "for", "from", "generate", "get", "give", "have", "i",
    "i'd like", "image", "images", "in", "is", "it", "keep", "keeping", "make", "me",
    "method", "methods", "model", "must", "need", "on", "picture", "pictures", "pipeline",
    "please", "reach", "run", "running", "sample", "sampled", "sampler",
    "sampling", "scheduler", "script", "should", "stack", "stacked", "target", "task", "that",
    "this", "this time", "to", "together", "us", "use", "used", "using", "via", "want", "wanted",
    "we", "which", "while", "with", "would like", "write", "as fast as possible",
    # Chinese
    "一个", "下", "且", "个", "为", "为了", "了", "以", "以及", "任务", "使", "使用", "使得",
    "写", "到", "加速", "及", "可", "叠加", "同时", "同时使用", "和", "图", "图像", "图片", "在",
    "对", "并", "并且", "应", "应该", "要", "要求", "让", "得到", "想", "想要", "我", "我们",
    "把", "扩散", "方法", "时", "是", "来", "模型", "流水线", "生成", "用", "目标", "管线",
    "管道", "组合", "结合", "给", "联合", "能", "脚本", "调度器", "达到", "请",
    "采样", "采样器", "采用", "需", "需要", "与", "通过", "进行", "代码", "帮我", "比",
    "保持", "尽可能快", "加", "加上", "搭配", "跑",
)  # fmt: skip
"""Words without a meaning of their own; no others are skipped."""

UNCLEAR: dict[str, str] = {
    "SD": "say which: SD1.5, SD2.1 or SDXL",
    "stable diffusion": "say which: SD1.5, SD2.1 or SDXL",
    # "... with Euler a script that ..."
    "Euler a": "say which: Euler Ancestral or Euler Discrete",
    "PixArt": "say which: PixArt-alpha or PixArt-Sigma",
    **dict.fromkeys(("FLUX", "FLUX.1"), "say which: FLUX.1-dev or FLUX.1-schnell"),
    **dict.fromkeys(
        ("SD3", "SD3.5", "stable diffusion 3", "stable diffusion 3.5"),
        "say which: SD3.5-medium or SD3.5-large",
    ),
    **dict.fromkeys(
        ("or", "either", "或", "或者", "还是"), "a task is one combination; write a task for each"
    ),
    **dict.fromkeys(
        ("lossless", "no loss", "no losses", "no quality loss", "no loss of quality",
         "no loss in quality", "zero loss", "without loss", "without quality loss",
         "without losing quality", "without loss of quality", "无损", "无损失", "无质量损失",
         "没有损失", "没有质量损失", "不损失", "不损失质量", "不降低质量", "零损失"),
        'write the greatest loss allowed, such as "loss at most 1%"',
    ),
    **dict.fromkeys(
        ("no", "not", "non", "never", "without", "except", "but not", "instead of", "rather than",
         "不", "不用", "不要", "不使用", "没有", "除了", "别", "别用", "而不是"),
        "say what to use, not what to leave out",
    ),
    **dict.fromkeys(
        ("less", "save", "saving", "saved", "reduce", "reduced", "reduction", "cut", "slower",
         "减少", "缩短", "降低", "降到", "降至", "减半", "节省", "提高", "提升"),
        'write what to reach, such as "at least 2x", "time at most 50%" or "loss at most 2%"',
    ),
    **dict.fromkeys(
        ("per second", "/s", "fps", "minute", "minutes", "每秒", "分钟"),
        'write the seconds of a picture, such as "under 1.2 s per image"',
    ),
    **dict.fromkeys(
        ("about", "around", "between", "roughly", "approximately", "nearly", "exactly", "大约",
         "大概", "约", "左右", "差不多", "接近"),
        'say "at least" or "at most"',
    ),
    **dict.fromkeys(
        ("twice", "thrice", "double", "triple", "half", "third", "quarter", "zero", "one", "two",
         "three", "four", "five", "six", "seven", "eight", "nine", "ten", "fifteen", "twenty",
         "thirty", "forty", "fifty", "hundred", "半", "一半", "百分之", "翻倍", "翻番", "一倍",
         "一", "两", "二", "三", "四", "五", "六", "七", "八", "九", "十", "百", "零"),
        'write the number in digits and with its unit, such as "2x", "2%" or "20 steps"',
    ),
}  # fmt: skip
"""Things that a task cannot hold although people write them, and what to write instead."""
