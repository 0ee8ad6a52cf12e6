"""An oracle apart from the parser: what the numbers of a sentence may say."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

_NAMES = re.compile(
    r"((sd|stable[\s_-]*diffusion)[\s_-]*v?(1[.-]5|2[.-]1|1[\s_-]*5)"
    r"|(sd[\s_-]*xl|stable[\s_-]*diffusion[\s_-]*xl)[\s_-]*(base)?[\s_-]*v?(1\.0)?"
    r"|pixart[\s_-]*(sigma|\u03c3)?[\s_-]*xl[\s_-]*2|dpm[\s_-]*(solver)?[\s_-]*\+\+[\s_-]*2m)(?![a-z0-9]|\.[0-9])"
)
_NUMBER = re.compile(r"(?:(?<![0-9.a-z])-)?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_UNITS = {
    "steps": r"((euler|ddim|unipc|((?!speed|loss|- )[a-z +-])*scheduler)\s*)?"
    r"((sampling|inference)\s*)?(steps?\b|步)",
    "speedup": r"(x|times|fold)(?![a-z])|倍",
    "latency_s": r"(s|secs?|seconds?)(?![a-z])|秒",
    "latency_ms": r"(ms|milliseconds?)(?![a-z])|毫秒",
}
_PERCENT = r"(?:-|\s*)(%|per)"
_WORDS = {
    "steps": r"(?<!multi)steps?(?![a-z])|步",
    "speedup": r"speed[\s_-]*up|加速比",
    "loss_budget": "loss|损失",
}
_LIMITED = {"lpips": "lpips", "ssim": "ssim", "attributes": "attributes?|属性"}
_MEMORY = re.compile(r"(?:-|\s*)(gib|mib|gb|mb)(?![a-z])")
_MIB = {name: Decimal(bytes_) / 2**20 for name, bytes_ in (
    ("gib", 2**30), ("mib", 2**20), ("gb", 10**9), ("mb", 10**6)
)}  # fmt: skip
_QUALITY = r"(quality|score|precision|质量|画质|精度)(?!\s*(loss|drop|损失))"
_LATENCY = "time(?!s)|latency|耗时|延迟|时间"


def numbers_with_roles(text: str) -> list[set[tuple[str, float]]]:
    """For each number of a text outside of names: what it may say, by its unit or words beside it.

    Words count up to the next number on either side; a unit at the number outweighs them, but of a
    percentage words alone say what it is of.
    """
    plain = _NAMES.sub("\N{CURRENCY SIGN}", unicodedata.normalize("NFKC", text).lower())
    plain = plain.replace("\u00d7", "x")
    matches = list(_NUMBER.finditer(plain))
    found = []
    for index, match in enumerate(matches):
        before = plain[matches[index - 1].end() if index else 0 : match.start()]
        last = index + 1 == len(matches)
        after = plain[match.end() : len(plain) if last else matches[index + 1].start()]
        number = Decimal(match[0])
        beside = f"{before} | {after}"
        if (unit := _MEMORY.match(after)) is not None:
            found.append({("memory_mib", float(number * _MIB[unit[1]]))})
            continue
        if re.match(_PERCENT, after):
            found.append(_shares(number / 100, beside) | _limits(number / 100, beside))
            continue
        units = {unit for unit, form in _UNITS.items() if re.match(rf"(?:-|\s*)(?:{form})", after)}
        said = units or {word for word, form in _WORDS.items() if re.search(form, beside)}
        found.append(
            {
                ("latency_s", float(number / 1000))
                if unit == "latency_ms"
                else (unit, float(number))
                for unit in said
            }
            | (set() if units else _limits(number, beside))
        )
    return found


def _limits(number: Decimal, beside: str) -> set[tuple[str, float]]:
    """What a number may be of the metrics beside it: a loss, or of SSIM the least value."""
    return {
        (name, float(most))
        for name, form in _LIMITED.items()
        if re.search(form, beside)
        for most in ([number, 1 - number] if name == "ssim" else [number])
    }


def _shares(share: Decimal, beside: str) -> set[tuple[str, float]]:
    """What a percentage may be: a loss, what is left of the quality, or of the time."""
    said = {
        _WORDS["loss_budget"]: ("loss_budget", share),
        _QUALITY: ("loss_budget", 1 - share),
        _LATENCY: ("speedup", 1 / share if share else share),
    }
    return {(name, float(value)) for form, (name, value) in said.items() if re.search(form, beside)}
