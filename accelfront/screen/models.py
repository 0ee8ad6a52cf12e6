"""Which studies are listed with the name of their model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from textwrap import shorten

from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.model import foreign_model
from objectives.settings.measured import settings_of
from objectives.settings.words import setting_words
from storage.records.protocol import Protocol
from storage.records.study import Study

MOST_CHARACTERS = 40

OWN = "own"
"""Stands for the catalogue's own model of a pipeline."""


class ModelNames:
    """What a list of studies says about their models, if it must say something.

    That is the case if a model is not the catalogue's own, or if the catalogue's address stands for
    several models, as its revisions do.
    """

    def __init__(self, studies: Iterable[Study]) -> None:
        """Look through the studies of a list."""
        own: dict[str, set[str]] = {}
        for study in studies:
            pipeline, model = study.combination.pipeline, study.protocol.model
            entry = PIPELINES.get(pipeline)
            # An embedded model is a single one, whatever the rule of its fingerprint.
            if entry is not None and isinstance(entry.model, str):
                if not foreign_model(pipeline, model):
                    own.setdefault(pipeline, set()).add(model)
        self._several = {pipeline for pipeline, models in own.items() if len(models) > 1}

    def told(self, pipeline: str, protocol: Protocol) -> str:
        """The model to name, with its fingerprint; empty if there is nothing to say.

        Args:
            pipeline: The study's pipeline.
            protocol: The study's protocol.
        """
        model = protocol.model
        return model if pipeline in self._several else foreign_model(pipeline, model)

    def below(self, text: str, study: Study) -> str:
        """A text, with the model to name on a line below."""
        model = self.told(study.combination.pipeline, study.protocol)
        return f"{text}\n{model}" if model else text

    def column(self, study: Study) -> str:
        """The model, and below it the settings that a person chose."""
        model = self.told(study.combination.pipeline, study.protocol) or OWN
        chosen = setting_words(settings_of(study))
        return "\n".join([model, *(_setting(*each) for each in chosen)])


def _setting(option: str, value: str) -> str:
    """An option as a line of a narrow column."""
    # The end of a path says most.
    shown = Path(value).name if option == "--lora" else shorten(value, MOST_CHARACTERS)
    return f"{option.removeprefix('--').replace('-', ' ')} {shown}"
