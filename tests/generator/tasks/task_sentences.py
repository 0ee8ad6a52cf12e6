"""Sentences as people may write them, made from tasks."""

# ruff: noqa: RUF001

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import combinations
from random import Random
from typing import Any

from accel_space.applying import find_methods
from accel_space.errors import RefusedError
from accel_space.methods import METHODS
from generator.tasks.task import Task

PIPELINES = {
    "tiny-shapes": ["tiny-shapes", "tiny shapes", "tinyshapes"],
    "SD1.5": ["SD1.5", "SD 1.5", "stable diffusion v1-5", "Stable-Diffusion-1.5", "sd_v1.5"],
    "SD2.1": ["SD2.1", "SD-2.1", "stable diffusion 2.1"],
    "SDXL": ["SDXL", "SDXL base", "SDXL 1.0", "stable diffusion xl"],
    "PixArt-alpha": ["PixArt-alpha", "PixArt-\u03b1", "pixart alpha"],
    "PixArt-Sigma": ["PixArt-Sigma", "PixArt-\u03a3", "pixartsigma"],
}
SCHEDULERS = {
    "DDIM": ["DDIM", "DDIMScheduler"],
    "DPM-Solver++": ["DPM-Solver++", "DPM++", "dpm++ 2m", "DPMSolverMultistep", "DPM Solver"],
    "UniPC": ["UniPC", "uni-pc", "UniPCMultistepScheduler"],
    "EulerDiscreteScheduler": ["Euler", "EulerDiscreteScheduler"],
}
METHOD_SPELLINGS = {
    "deepcache": ["DeepCache", "deep cache", "deep-cache"],
    "tgate": ["T-GATE", "TGATE", "T-Gate", "t gate"],
    "tome": ["ToMe", "token merging", "tomesd"],
    "pab": ["PAB", "pyramid attention broadcast"],
    "cfg_cutoff": ["cfg_cutoff", "CFG cutoff"],
    "first_block_cache": ["First-Block-Cache", "first block cache", "FBCache", "FB cache"],
    "mag_cache": ["MagCache", "mag cache", "mag_cache"],
    "taylorseer": ["TaylorSeer", "taylor seer", "taylorseer cache"],
    "step_cache": ["step cache", "step_cache", "StepCache"],
    "compile": ["compile", "torch.compile"],
    "cuda_graph": ["CUDA graphs", "CUDA graph", "cuda_graph"],
}
ENGLISH = {
    "pipeline": ["{p}", "with {p}", "pipeline: {p}", "for the {p} model", "a script for {p}"],
    "scheduler": ["{s}", "{s} sampler", "scheduler {s}", "using {s}", "scheduler={s}"],
    "steps": ["{n} steps", "{n}-step", "{n} sampling steps", "steps: {n}", "in {n} steps",
              "num_inference_steps={n}", "{n}steps", "{n} Euler steps"],
    "methods": ["{m}", "accelerated by {m}", "methods: {m}", "please use {m}"],
    "speedup": ["at least {x}x", "{x}x faster", "speedup >= {x}", "speedup of at least {x} x",
                "{x} times faster", "no less than {x}x speedup", "{x}-fold speedup",
                "minimum speedup {x}x", "speedup: {x}", ">={x}x", "{x}x or more", "{x} speedup"],
    "latency_s": ["under {t} s per image", "at most {ms} ms per picture", "latency below {t} s",
                  "within {t} seconds per image", "latency <= {ms}ms/image", "{t}s/img or less",
                  "max latency {t} sec", "a latency of at most {ms} milliseconds"],
    "loss_budget": ["loss at most {pc}%", "quality at least {q}%", "loss budget {l}",
                    "at least {q} percent of the quality", "with {q}% or more of the score",
                    "clip loss <= {l}",
                    "precision loss no more than {l}", "no more than {pc} percent quality loss",
                    "with less than {pc} % loss", "loss of at most {l}", "loss: {l}",
                    "loss of quality at most {pc}%"],
}  # fmt: skip
CHINESE = {
    "pipeline": ["{p}", "加速{p}", "模型{p}", "用{p}", "管线:{p}"],
    "scheduler": ["{s}", "{s}采样", "采样器{s}", "使用{s}调度器"],
    "steps": ["{n}步", "采样{n}步", "步数{n}", "步数为{n}", "{n} 步"],
    "methods": ["用{m}", "采用{m}加速", "方法:{m}", "{m}"],
    "speedup": ["加速比不低于{x}x", "至少{x}倍", "快{x}倍", "加速比≥{x}", "提速{x}倍以上",
                "加速比至少为{x}倍", "加速比{x}"],
    "latency_s": ["每张不超过{t}秒", "每张图{ms}毫秒以内", "延迟低于{t}s", "耗时不超过{ms}ms",
                  "单张{t}秒以下"],
    "loss_budget": ["精度损失不超过{l}", "损失不超过{pc}%", "质量损失在{pc}%以内", "损失≤{l}",
                    "精度损失{l}", "质量不低于{q}%", "保持{q}%以上的画质"],
}  # fmt: skip
LIMITS = {
    "en": {
        "lpips": ["LPIPS at most {l}", "LPIPS <= {l}", "LPIPS under {l}", "LPIPS {l}",
                  "at most {l} LPIPS", "LPIPS loss below {l}"],
        "ssim": ["SSIM at least {v}", "SSIM >= {v}", "at least {v} SSIM", "SSIM loss at most {pc}%",
                 "an SSIM of {v} or more", "SSIM: {v}"],
        "attributes": ["attributes loss under {pc}%", "attributes loss <= {l}",
                       "an attributes loss of at most {pc}%"],
        "memory_mib": ["memory at most {g} GiB", "under {g}GiB of memory", "peak memory <= {g} gib",
                       "VRAM: {l} MiB", "within {g} GiB"],
    },
    "zh": {
        "lpips": ["LPIPS不超过{l}", "LPIPS≤{l}", "LPIPS低于{l}"],
        "ssim": ["SSIM不低于{v}", "SSIM至少{v}", "SSIM损失不超过{pc}%", "SSIM≥{v}"],
        "attributes": ["属性损失不超过{pc}%", "属性损失{pc}%以内"],
        "memory_mib": ["显存不超过{g}GiB", "显存{g}GiB以内", "峰值显存≤{l}MiB"],
    },
}  # fmt: skip
"""Budgets on metrics and on memory."""

TIME_SHARES = {
    "en": ["in at most {p}% of the time", "run in under {p} percent of the original time",
           "time under {p}%", "in less than {p}% time", "latency at most {p}% of the baseline",
           "in {p}% of the time", "runtime below {p} %"],
    "zh": ["时间控制在原来的{p}%以内", "用原来{p}%的时间", "耗时不超过原来的{p}%",
           "推理时间不超过{p}%", "在{p}%的时间内"],
}  # fmt: skip
"""A share of the time is a speedup."""

UNSAID_SHARES = {
    "en": ["at most {p}%", "{p}%", "under {p}% of the original", "in less than {p} percent",
           "quality at most {p}%", "quality below {p}%", "no more than {p}% of the score",
           "speed at most {p}%", "speed at least {p}%", "{p}% of the speed", "{p}% speedup",
           "{p}% faster", "time {p}%", "time at least {p}%", "accelerate the time by {p}%",
           "accelerating runtime by at most {p}%", "quality by {p}%", "at least {p}%",
           "loss at least {p}%", "time and quality at least {p}%", "steps at most {p}%"],
    "zh": ["不超过{p}%", "控制在原来的{p}%以内", "{p}%以内", "速度不超过原来的{p}%",
           "速度不低于{p}%",
           "质量不超过{p}%", "画质在{p}%以内", "加速{p}%", "提速{p}%", "快{p}%", "时间{p}%",
           "时间至少{p}%", "至少{p}%", "损失至少{p}%"],
}  # fmt: skip
"""These say no share that a task could ask for, and none is a loss budget."""

JOINERS = {"en": [" + ", " and ", ", ", " & ", "+", "/", " with "], "zh": ["和", "与", "+", "、"]}
SEPARATORS = {"en": [", ", "; ", " | ", ". ", ",", " - "], "zh": ["，", "、", "；", ",", "。"]}
FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x30, 0x3A)})


def method_sets() -> list[tuple[str, ...]]:
    """All stacks that are not in conflict."""
    names = [name for name in METHODS if name in METHOD_SPELLINGS]
    found = []
    for size in range(1, len(names) + 1):
        for chosen in combinations(names, size):
            try:
                found.append(tuple(method.name for method in find_methods(chosen)))
            except RefusedError:
                continue
    return found


METHOD_SETS = method_sets()


CASES: list[Callable[[str], str]] = [str, str, str.upper, str.lower, str.capitalize]


def random_task(random: Random) -> Task:
    fields: dict[str, Any] = {
        "pipeline": random.choice(list(PIPELINES)),
        "methods": random.choice(METHOD_SETS),
    }
    if random.random() < 0.8:
        fields["scheduler"] = random.choice(list(SCHEDULERS))
    if random.random() < 0.8:
        fields["steps"] = random.randint(1, 1000)
    if random.random() < 0.7:
        fields["speedup"] = random.randint(101, 10_000) / 100
    if random.random() < 0.4:
        fields["latency_s"] = random.randint(1, 9999) / 1000
    if random.random() < 0.8:
        fields["loss_budget"] = random.randint(-999, 5000) / 10_000
    limits = {
        "lpips": random.randint(0, 900) / 1000,
        "ssim": random.randint(0, 500) / 1000,
        "attributes": random.randint(0, 500) / 1000,
        "memory_mib": 1024.0 * random.randint(1, 200),
    }
    fields["budgets"] = tuple(limit for limit in limits.items() if random.random() < 0.15)
    if dict(fields["budgets"]).keys() - {"memory_mib"}:
        fields.setdefault("loss_budget", None)
    return Task(**fields)


def random_clauses(task: Task, random: Random, language: str) -> list[str]:
    forms = ENGLISH if language == "en" else CHINESE
    methods = [random.choice(METHOD_SPELLINGS[name]) for name in task.methods]
    random.shuffle(methods)
    said = task.loss_budget
    words = {
        "p": random.choice(PIPELINES[task.pipeline]),
        "s": random.choice(SCHEDULERS[task.scheduler]),
        "n": task.steps,
        "m": random.choice(JOINERS[language]).join(methods),
        "x": _digits(task.speedup),
        "t": _digits(task.latency_s),
        "ms": _digits(task.latency_s, 1000),
        "l": _digits(task.loss_budget),
        "pc": _digits(task.loss_budget, 100),
        "q": "" if said is None else f"{100 - Decimal(_digits(said, 100)):f}",
    }
    clauses = []
    for name, most in task.budgets:
        loss = {
            "l": _digits(most), "pc": _digits(most, 100), "v": f"{1 - Decimal(_digits(most)):f}",
            "g": _digits(most / 1024),
        }  # fmt: skip
        clauses.append(random.choice(LIMITS[language][name]).format(**loss))
    for name in sorted(task.model_fields_set - {"budgets"}):
        if name == "loss_budget" and task.loss_budget is None:
            continue
        form = random.choice(forms[name])
        if "Euler" in form and task.scheduler != "EulerDiscreteScheduler":
            form = "{n} steps"
        clause = form.format(**words)
        clauses.append(random.choice(CASES)(clause))
        if random.random() < 0.05:
            clauses.append(clause)
    random.shuffle(clauses)
    return clauses


def join(clauses: list[str], random: Random, language: str) -> str:
    text = clauses[0]
    for clause in clauses[1:]:
        separator = random.choice(SEPARATORS[language])
        if text[-1].isdigit() and clause[0] in "0123456789-" and separator in (",", " - "):
            separator = "; "
        may_follow = text[-1].isalpha() and not text.lower().endswith(("percent", "euler"))
        if may_follow and random.random() < 0.2:
            separator = " "
        text += separator + clause
    if random.random() < 0.3:
        text = text.translate(FULL_WIDTH).replace("%", "\uff05").replace("x ", "\u00d7 ")
    if random.random() < 0.2:
        text = text.replace(" ", "  ")
    return text + random.choice(["", "", ".", "。", "!", " "])


def shuffled(clauses: list[str], others: list[str], random: Random) -> list[str]:
    """Clauses dropped, doubled, joined or taken from another task."""
    found = list(clauses)
    chosen = random.randrange(len(found))
    match random.randrange(6):
        case 0:
            del found[chosen]
        case 1:
            found.insert(chosen, random.choice(clauses))
        case 2:
            found.insert(chosen, random.choice(others))
        case 3:
            found[chosen] += random.choice(["", " "]) + random.choice(clauses)
    return found


def mutated(text: str, random: Random) -> str:
    """Some characters dropped, inserted, doubled or exchanged."""
    for _ in range(random.choice([0, 1, 1, 1, 2, 3])):
        start = random.randint(0, len(text))
        piece = text[start : start + random.choice([1, 1, 1, 2, 5, 20])]
        inserted = random.choice("0123456789..,  -+/x%sm步倍秒，不or:=\x00\u202e²½") + piece
        changed = random.choice(["", inserted, piece * 2, piece[::-1]])
        text = text[:start] + changed + text[start + len(piece) :]
    return text


def _digits(number: float | None, factor: int = 1) -> str:
    return "" if number is None else f"{(Decimal(repr(number)) * factor).normalize():f}"
