"""`accelfront studies`: what a storage holds."""

from __future__ import annotations

from accelfront.cli.options import DEFAULT_STORAGE, AsJson, Storage


def studies(storage: Storage = DEFAULT_STORAGE, as_json: AsJson = False) -> None:
    """List the studies of a storage."""
    from accelfront.cli.reading.stored import read
    from accelfront.screen.models import ModelNames
    from accelfront.screen.tables import combination_text, plain_table, print_json
    from accelfront.screen.terminal import console
    from storage.database.opening import open_store
    from storage.records.combination import StudyName

    records = read(open_store(storage))
    if as_json:
        print_json(
            [
                {
                    "study": record.name,
                    **record.combination.as_json(),
                    "device": record.device,
                    "model": record.protocol.model,
                    "loss_budget": record.loss_budget,
                    "trials": len(record.trials),
                    "points": record.space.distinct,
                    "states": record.states,
                    "foreign_trials": record.foreign_trials,
                    "doubt": record.doubt or None,
                }
                for record in records
            ]
        )
        return
    models = ModelNames(records)
    table = plain_table("pipeline", "scheduler", "steps", "methods", "points", "answer", "study")
    for record in records:
        answer = record.answer
        pipeline, *others = combination_text(record)
        table.add_row(
            models.below(pipeline, record),
            *others,
            f"{len(record.trials)}/{record.space.distinct}",
            "-" if answer is None else f"{answer.judged_speedup:.2f}x",
            # The digest tells studies of one combination apart; the rest stands beside it.
            StudyName.read(record.name).digest,
        )
    console().print(table)
