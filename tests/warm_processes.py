"""Processes of their own that begin warm: forked from one that has imported no heavy library."""

from __future__ import annotations

import multiprocessing

warm = multiprocessing.get_context("forkserver")
warm.set_forkserver_preload(
    [
        "accelfront.cli.app",
        "accelfront.cli.reading.stored",
        "accelfront.screen.tables",
        "alembic.context",
        "generator.choice",
        "pytest",
        "sqlalchemy.orm",
    ]
)
