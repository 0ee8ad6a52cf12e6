"""How a study's answer is used from Python."""

from __future__ import annotations


def python_lines(study: str, storage: str | None) -> str:
    """The three lines of Python that write the script of a study's answer.

    Args:
        study: The name of the study.
        storage: The storage to name; None leaves it to the default.
    """
    named = "" if storage is None else repr(storage)
    return (
        "import accelfront\n"
        f"studies = {{it.name: it for it in accelfront.open({named})}}\n"
        f'studies[{study!r}].script("answer.py")'
    )
