"""A study's label: a person's own name for it, next to the name that says what it is."""

from __future__ import annotations

import optuna

from storage.database.opening import Store
from storage.errors import StorageError
from storage.foreign import shown
from storage.records.combination import StudyName
from storage.study_store.attributes import LABEL
from storage.study_store.rows import read_study_rows

MOST_CHARACTERS = 40


def set_label(store: Store, name: str, label: str) -> None:
    """Give a study a label; an empty one removes it.

    Args:
        store: An open database.
        name: The whole name of a study.
        label: The label.

    Raises:
        StorageError: If the label is invalid, or belongs to another study.
    """
    if len(label) > MOST_CHARACTERS or not label.isprintable() or label != label.strip():
        raise StorageError(
            f"a label has at most {MOST_CHARACTERS} printable characters and no space at its ends, "
            f"and {shown(label)} was given"
        )
    for row in read_study_rows(store.engine, (LABEL,)).values():
        taken = row.name, StudyName.read(row.name).digest, row.label
        if label and row.name != name and label in taken:
            raise StorageError(f"{shown(label)} stands for {row.name} already; take another label")
    study = optuna.load_study(study_name=name, storage=store.optuna)
    study.set_user_attr(LABEL, label)
