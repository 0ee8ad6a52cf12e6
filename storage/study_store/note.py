"""The note of a study in optuna-dashboard: accelfront's part and what people add."""

from __future__ import annotations

import optuna

END = "*Written by accelfront up to here; what is added below this line stays.*"


def write_note(study: optuna.Study, text: str) -> None:
    """Put a text into a study's note; text that people wrote below it, or without it, stays.

    Args:
        study: The study.
        text: Markdown.
    """
    # Imported here, as processes that run no studies need no web server.
    from optuna_dashboard import get_note, save_note

    before = get_note(study)
    ours, end, theirs = before.partition(END)
    if ours and not end:
        return
    after = f"{text}\n{END}{theirs}"
    # Every version costs writes, and dashboards load all notes anew at each poll.
    if after != before:
        save_note(study, after)
