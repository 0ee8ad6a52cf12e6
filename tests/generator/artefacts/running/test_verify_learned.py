"""`verify` of a script whose study had learned something of the plain pipe."""

from __future__ import annotations

from pathlib import Path

from generator.artefacts.promise import read_promise
from generator.artefacts.script import render_script
from generator.artefacts.source import Source
from generator.artefacts.verify import verify
from objectives.embedded import DIT_DIR
from objectives.prompts import prompts_fingerprint
from tests.generator.artefacts.forked_runs import runs_forked
from tests.generator.made_trials import made_study
from tests.made_records import changed

PROMPTS = ["a red circle"]

LEARNED = {"mag_cache": (1.0, 1.5, 1.01)}
"""The third call is left out; by what is assumed where nothing was learned, the second one too."""


def test_pictures_are_held_against_what_the_study_learned(tmp_path: Path) -> None:
    """In a process of its own, as what runs there is told all of the study by the job."""
    script, prompts = tmp_path / "script.py", tmp_path / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS))
    point = {"threshold": 0.4, "max_skip_steps": 5, "retention_ratio": 0.1}
    study, trial = made_study(
        "tiny-shapes-dit",
        ["mag_cache"],
        {f"mag_cache.{name}": value for name, value in point.items()},
        steps=len(LEARNED["mag_cache"]),
        prompts=f"prompts.txt@{prompts_fingerprint(PROMPTS)}",
        num_samples=1,
        batch_size=1,
        dtype="float32",
    )
    study = changed(study, learned=LEARNED)
    script.write_text(render_script(study, trial, Source(str(DIT_DIR))))

    with runs_forked():
        verdict = verify(read_promise(script), {study.name: study}, None, prompts, "cpu")

    assert verdict.equal, verdict.broken
