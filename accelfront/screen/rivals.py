"""How a point compares with its study's best lossless point, and with fewer steps."""

from __future__ import annotations

from storage.records.judgement import Rivals
from storage.records.trial import Trial

VS_LOSSLESS = "vs lossless: times as fast as the best lossless point"

FEWER_STEPS = "fewer steps: their speedup at no greater loss, with nothing else left out"

WARM_UP = "warm-up: the first generation, which compiles and captures; in no speedup"


def vs_lossless_text(rivals: Rivals, trial: Trial) -> str:
    """How many times as fast as the best lossless point it is."""
    times = rivals.lossless_speedup(trial)
    return "-" if times is None else f"{times:.2f}x"


def best_lossless_text(rivals: Rivals) -> str:
    """Which point is the best lossless one; empty if none is known."""
    best = rivals.lossless
    return "" if best is None else f"trial {best.number}, {best.judged_speedup:.2f}x"


def fewer_steps_text(rivals: Rivals, trial: Trial) -> str:
    """The speedup of fewer steps next to it; empty if unknown, or if it is such a point."""
    fewer = rivals.fewer_steps_speedup(trial)
    return "" if fewer is None or trial.leaves_out_steps_alone else f"fewer steps {fewer:.2f}x"


def rival_lines(rivals: Rivals, trial: Trial) -> list[str]:
    """What is known about both, a line each."""
    over = "" if rivals.lossless is None else f"vs lossless {vs_lossless_text(rivals, trial)}"
    return [line for line in (over, fewer_steps_text(rivals, trial)) if line]


def warmup_text(trial: Trial) -> str:
    """The time to compile and capture; empty if unknown."""
    seconds = trial.warmup_s
    return "" if seconds is None else f"warm-up {seconds:.{1 if seconds < 10 else 0}f} s"
