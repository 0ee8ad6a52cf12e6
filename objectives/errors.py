"""What objectives refuses and what can fail while measuring."""

from __future__ import annotations

import re
from pathlib import Path

LONGEST_REASON = 200
"""Characters kept of another library's error: some print a list of all tensors."""


class InputError(ValueError):
    """Something a person gave cannot be used; the text says what is allowed and what to do."""


class LoadError(InputError):
    """A part of a model or a scorer cannot be loaded from its file."""

    def __init__(self, part: str, file: Path | str, reason: str | Exception, remedy: str) -> None:
        """Write the message, in one line.

        Args:
            part: The part that could not be loaded, such as `the scorer` or `the model's vae`.
            file: Where it was to be loaded from.
            reason: Why it cannot be loaded; an error stands for its message.
            remedy: What to do about it.
        """
        why = reason_of(reason) if isinstance(reason, Exception) else reason
        super().__init__(f"cannot load {part} from {file}: {why}; {remedy}")


class MeasurementError(RuntimeError):
    """A trial or a baseline could not be measured; the text names the reason."""


_CLASS = re.compile(r"<class '(?:[\w.<>]+\.)?(\w+)'>")


def reason_of(error: BaseException) -> str:
    """The message of another library's error, in one line of bearable length; classes by name."""
    reason = _CLASS.sub(r"\1", " ".join(str(error).split())) or type(error).__name__
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 3]}..."
