"""The prompts of studies, where the file that they came from is still there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.prompts import draw_prompts, prompts_fingerprint, read_prompts
from storage.records.study import Study
from storage.records.trial import Trial

Note = tuple[str, str]
"""What stands below a pair of pictures: its prompt, and figures."""


def study_prompts(study: Study) -> Sequence[str]:
    """The prompts of a study; none where no picture asks for them, or their file is gone."""
    protocol = study.protocol
    if not any(trial.measurement.pictured for trial in study.trials):
        return []
    try:
        named = study.files.get("prompts")
        path = find_pipeline(study.combination.pipeline).prompts if named is None else Path(named)
        drawn = draw_prompts(read_prompts(path), protocol.prompts_seed)[: protocol.num_samples]
    except InputError:
        return []
    is_theirs = prompts_fingerprint(drawn) == protocol.prompts.rpartition("@")[2]
    return drawn if is_theirs else []


def picture_notes(trial: Trial, prompts: Sequence[str]) -> list[Note]:
    """What stands below each pair of a trial's grid; nothing of trials from before it was kept."""
    return [
        (
            prompts[each.prompt] if each.prompt < len(prompts) else f"prompt {each.prompt + 1}",
            f"loss {each.loss:.1%}",
        )
        for each in trial.measurement.pictured
    ]
