"""How to use a study's answer from Python."""

from __future__ import annotations


def python_lines(study: str, storage: str | None, is_loaded: bool = False) -> str:
    """The three lines of Python that write the script of a study's answer, or accelerate a pipe.

    Args:
        study: The name of the study.
        storage: The storage to name; None uses the default.
        is_loaded: Whether it measured a pipeline that a person loaded, which no script can find.
    """
    named = "" if storage is None else repr(storage)
    found = f"studies[{study!r}]"
    use = f'{found}.script("answer.py")'
    if is_loaded:
        use = f"undo = accelfront.accelerate(pipe, {found}.answer)"
    return f"import accelfront\nstudies = {{it.name: it for it in accelfront.open({named})}}\n{use}"
