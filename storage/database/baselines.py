"""Baselines, kept so that each is generated and scored once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from storage.database.schema import baselines


def baseline_key(identity: Mapping[str, Any]) -> str:
    """The key of a baseline, from everything that its pictures depend on."""
    return sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def find_baseline(engine: Engine, key: str) -> tuple[list[float], NDArray[np.float32]] | None:
    """Find a stored baseline: its CLIP scores, and its embeddings of shape (pictures, width)."""
    columns = (baselines.c.scores, baselines.c.embeddings)
    with engine.connect() as connection:
        row = connection.execute(select(*columns).where(baselines.c.key == key)).first()
    if row is None:
        return None
    scores = json.loads(row.scores)
    return scores, np.frombuffer(row.embeddings, dtype="<f4").reshape(len(scores), -1)


def find_learned(engine: Engine, key: str) -> tuple[float, ...] | None:
    """Find what a method learned from a baseline's pipe, stored with the baselines."""
    query = select(baselines.c.scores).where(baselines.c.key == key)
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return None if row is None else tuple(json.loads(row.scores))


def keep_learned(engine: Engine, key: str, learned: Sequence[float]) -> None:
    """Keep what a method learned. If another worker has kept its own meanwhile, that one stays."""
    keep_baseline(engine, key, list(learned), np.empty(0, np.float32))


def keep_baseline(
    engine: Engine, key: str, scores: list[float], embeddings: NDArray[np.float32]
) -> None:
    """Keep a baseline. If another worker has kept its own meanwhile, that one stays."""
    row = insert(baselines).values(
        key=key, scores=json.dumps(scores), embeddings=embeddings.astype("<f4").tobytes()
    )
    try:
        with engine.begin() as connection:
            connection.execute(row)
    except IntegrityError:
        return
