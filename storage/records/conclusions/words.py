"""How points, chances and risks are put into words, here and on every face."""

from __future__ import annotations

from math import floor

from storage.records.budgets import CLIP_LOSS, Budgets, Figure, in_metric, title
from storage.records.judgement import LEAST_SPEEDUP
from storage.records.measurement import Measurement
from storage.records.trial import Trial


def speedup_words(measured: Measurement) -> str:
    """A speedup and its interval."""
    low, high = measured.speedup_ci
    return f"{measured.speedup:.2f}x ({low:.2f} to {high:.2f})"


def loss_share(loss: float) -> str:
    """A loss in percent; none that rounds to zero has a sign."""
    return f"{loss:z.1%}"


def loss_number(loss: float) -> str:
    """The same in the four decimals of scripts."""
    return f"{loss:z.4f}"


def loss_words(loss: Figure) -> str:
    """A loss and its interval."""
    return f"{loss_share(loss.value)} ({loss_share(loss.low)} to {loss_share(loss.high)})"


def loss_title(name: str) -> str:
    """What a study's loss is called within a sentence: plainly so where it is the usual one."""
    return "loss" if name == CLIP_LOSS else title(name)


def figures(trial: Trial) -> str:
    """A point with what it is judged by."""
    speedup, loss = speedup_words(trial.judged), loss_words(trial.lost(trial.judged))
    return f"trial {trial.number}: {speedup} at a loss of {loss}{in_metric(trial.loss_name)}"


def risk_in_words(trial: Trial, budgets: Budgets) -> str:
    """Such as `a 40% chance that it loses more than 2%`: the chance that it breaks a budget."""
    breaks = f"loses more than {budgets.loss_in_words}"
    if budgets.conditions:
        breaks = f"is not inside {budgets.in_words()}"
    # With the chance to be inside, as people are shown that, it comes to the whole.
    risk = f"{100 - _percent(trial.chance_inside(budgets))}%"
    return f"{_article(risk)} {risk} chance that it {breaks}"


def unsure_in_words(trial: Trial) -> str:
    """That a point may be slower than the pipeline alone, and what would tell; else empty."""
    slowest = trial.judged.speedup_ci[0]
    if slowest >= LEAST_SPEEDUP:
        return ""
    return f"it may be {slowest:.2f}x; an idle machine tells more"


def sentence(words: str) -> str:
    """Words as a sentence; none stay none."""
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def share_text(chance: float) -> str:
    """A chance in whole percent, rounded down: one of 94.9% is not sure, and none is certain."""
    return f"{_percent(chance)}%"


def _percent(chance: float) -> int:
    return min(99, floor(100 * chance))


def _article(share: str) -> str:
    """What English puts before a share."""
    return "an" if share.startswith(("8", "11%", "18%")) else "a"
