"""The wording of points, chances and risks, here and on every face."""

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
    """A loss in percent; one that rounds to zero has no sign."""
    return f"{loss:z.1%}"


def loss_number(loss: float) -> str:
    """The same with four decimals, as in scripts."""
    return f"{loss:z.4f}"


def loss_words(loss: Figure) -> str:
    """A loss and its interval."""
    return f"{loss_share(loss.value)} ({loss_share(loss.low)} to {loss_share(loss.high)})"


def loss_title(name: str) -> str:
    """The name of a study's loss within a sentence; the usual loss is just `loss`."""
    return "loss" if name == CLIP_LOSS else title(name)


def figures(trial: Trial) -> str:
    """A point with the figures that it is judged by."""
    speedup, loss = speedup_words(trial.judged), loss_words(trial.lost(trial.judged))
    return f"trial {trial.number}: {speedup} at a loss of {loss}{in_metric(trial.loss_name)}"


def risk_in_words(trial: Trial, budgets: Budgets) -> str:
    """The chance that a point breaks a budget: `a 40% chance that it loses more than 2%`."""
    breaks = f"loses more than {budgets.loss_in_words}"
    if budgets.conditions:
        breaks = f"is not inside {budgets.in_words()}"
    # Adds up to 100% with the chance to be inside, as that is shown.
    risk = f"{100 - _percent(trial.chance_inside(budgets))}%"
    return f"{_article(risk)} {risk} chance that it {breaks}"


def unsure_in_words(trial: Trial) -> str:
    """Warn that a point may be slower than the plain pipeline; empty if it is surely faster."""
    slowest = trial.judged.speedup_ci[0]
    if slowest >= LEAST_SPEEDUP:
        return ""
    return f"it may be {slowest:.2f}x; an idle machine tells more"


def sentence(words: str) -> str:
    """Words as a sentence; empty stays empty."""
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def share_text(chance: float) -> str:
    """A chance in whole percent, rounded down: 94.9% is not sure, and nothing is certain."""
    return f"{_percent(chance)}%"


def _percent(chance: float) -> int:
    return min(99, floor(100 * chance))


def _article(share: str) -> str:
    """The English article of a share."""
    return "an" if share.startswith(("8", "11%", "18%")) else "a"
