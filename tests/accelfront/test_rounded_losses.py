"""A loss that rounds to zero has no sign, wherever it is told."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from accelfront.api.plotting import front_figure
from accelfront.dashboard.server import listen
from accelfront.report.page import render_page
from accelfront.screen.run_summary import run_summary
from generator.artefacts.serving.service import render_service
from generator.artefacts.source import Source
from generator.choice import Choice
from generator.notes import judgement_notes
from storage.database.opening import Store, open_store
from storage.records.budgets import Budgets
from storage.records.study import Study
from storage.records.trial import Trial
from studies.run.progress import RunResult, in_words
from tests.accelfront.dashboard.servers import Server
from tests.command_line import run
from tests.generator.made_trials import made_study as made_script_study
from tests.generator.made_trials import rendered
from tests.made_records import changed, made_measurement
from tests.made_reports import keep, made_study, made_trial

BUDGETS = Budgets(0.02)

LOSS, ENDS = -0.00003, (-0.002, -0.00004)

LOST: dict[str, Any] = {
    "clip_loss_ci": ENDS,
    "worst_losses": [LOSS],
    "pictured": [{"prompt": 0, "loss": LOSS}],
}


def lossless(trial: Trial) -> Trial:
    """The same trial with losses that round to zero, confirmed by others of the kind."""
    measured = changed(trial.measurement, clip_loss=LOSS, **LOST)
    return changed(
        trial, loss=LOSS, measurement=measured, confirmed=made_measurement(1.9, LOSS, **LOST)
    )


STUDY = made_study([lossless(made_trial(0, 2.0, 0.0)), lossless(made_trial(1, 2.5, 0.0))])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two studies of it, to be compared."""
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('losses')}/a.db", create=True)
    keep(store, STUDY)
    keep(store, changed(STUDY, name=STUDY.combination.study_name("4e5f6a7b")))
    return store


def has_no_negative_zero(text: str) -> bool:
    """Whether it tells a loss, and none as -0.0%, nor as an end -0.0 or as -0.0000."""
    return "0.0" in text and not any(
        negative in text for negative in ("-0.0%", "-0.0.", "-0.0 ", "-0.0\n", "-0.0000")
    )


@pytest.mark.parametrize(
    "command", [("front", "0a1b2c3d"), ("bounds",), ("diff", "0a1b2c3d", "4e5f6a7b")]
)
def test_the_screen_tells_no_negative_zero(command: tuple[str, ...], store: Store) -> None:
    answer = run(*command, "--storage", store.name)
    assert answer.returncode == 0, answer.stderr
    assert has_no_negative_zero(answer.stdout)


def test_neither_does_a_line_of_progress_or_the_end_of_a_run(store: Store) -> None:
    assert in_words(STUDY.trials[0].measurement, BUDGETS) == "2.00x, loss 0.0%"
    assert has_no_negative_zero(STUDY.conclusion.briefly)
    outcome = RunResult(STUDY, "points", 2, None, {}, None)
    assert has_no_negative_zero("\n".join(run_summary(outcome, store)))


def test_neither_do_the_pages(store: Store) -> None:
    assert has_no_negative_zero(render_page([STUDY, STUDY], {}))
    server = listen("127.0.0.1", 0, store, "sqlite:///b.db")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    dashboard = Server(f"http://127.0.0.1:{server.server_port}/", None)
    told = json.dumps(dashboard.get_json("api/studies/1")["trials"])
    server.shutdown()
    server.server_close()
    assert has_no_negative_zero(told)
    assert has_no_negative_zero("".join(front_figure(STUDY).data[1].hovertext))


def script_study() -> tuple[Study, Trial]:
    point = {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": 0}
    study, trial = made_script_study("tiny-shapes", ["deepcache"], point)
    trial = lossless(trial)
    return changed(study, trials=[trial]), trial


def test_neither_do_scripts_and_what_is_said_of_them() -> None:
    study, trial = script_study()
    assert has_no_negative_zero(rendered(study, trial))
    choice = Choice(study, trial, BUDGETS)
    assert has_no_negative_zero(render_service(choice, Source("tiny-shapes")))
    assert has_no_negative_zero("\n".join(judgement_notes(trial)))
