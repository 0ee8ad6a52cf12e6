"""Emitted scripts: no text of a study becomes code."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.artefacts.script import render_script, script_name
from generator.artefacts.source import Source
from generator.artefacts.writing.written import literal, literals, plain
from objectives.errors import InputError
from storage.records.environment import Environment
from storage.records.protocol import MetricWeights
from tests.generator.made_trials import made_study, rendered
from tests.made_records import changed

_TOME = {"tome.ratio": 0.5, "tome.max_downsample": 1}

hostile = st.text() | st.sampled_from(
    ['"""\nimport os\n"""', "'; import os; '", "{{ 7*7 }}", "{% raw %}", "\\", '\\"', "\n", "\0"]
)


class _TextsGone(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        return ast.Expr(self.visit(node.value))


def _code_of(script: str) -> str:
    return ast.dump(_TextsGone().visit(ast.parse(script)))


@given(hostile, hostile, hostile, hostile, hostile)
def test_no_text_reaches_the_code(
    name: str, device: str, model: str, prompts: str, place: str
) -> None:
    study, trial = made_study("SD1.5", ["tome"], _TOME)
    weights = (MetricWeights(metric=name, name=prompts),)
    texts = {"model": model, "prompts": prompts, "scorer": model, "weights": weights}
    attacked = changed(
        study,
        name=name,
        protocol=study.protocol.model_copy(update=texts),
        environment=Environment(device=device, versions=dict.fromkeys(study.versions, device)),
    )

    script = render_script(attacked, trial, Source(place or "a place", variant="fp16"))

    assert _code_of(script) == _code_of(rendered(study, trial))
    assert script.encode()
    assert all(letter.isalnum() or letter in ".-" for letter in script_name(attacked, trial))


def test_a_machine_without_a_driver_is_told_without_one() -> None:
    study, trial = made_study("SD1.5", ["tome"], _TOME)
    versions = {"python": "3.12.3", "driver": "", "torch": "2.11.0"}
    here = changed(study, environment=Environment(device="a CPU", versions=versions))
    said = ast.get_docstring(ast.parse(rendered(here, trial)))
    assert said is not None and "python==3.12.3, torch==2.11.0" in said


@given(hostile)
def test_a_literal_means_its_text(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text
    assert ast.literal_eval("(" + "\n".join(literals(text)) + ")") == text
    assert ast.get_docstring(ast.parse(f'"""{plain(text)}"""'), clean=False) == plain(text)


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("scheduler", "os.system('x')"),
        ("scheduler", "DDIMScheduler\nimport os"),
        ("pipeline", "__import__('os')"),
    ],
)
def test_names_that_are_none_are_refused(what: str, value: str) -> None:
    study, trial = made_study("SD1.5", ["tome"], _TOME)

    combination = changed(study.combination, **{what: value})
    with pytest.raises(InputError):
        render_script(changed(study, combination=combination), trial, Source("m"))


@pytest.mark.parametrize("value", ["0.5; import os", [1], None])
def test_parameters_that_are_no_numbers_are_refused(value: Any) -> None:
    study, trial = made_study("SD1.5", ["tome"], _TOME)
    # As no trial is that was read: a script must not rely on that.
    odd = trial.model_copy(update={"params": _TOME | {"tome.ratio": value}})

    with pytest.raises(InputError, match=r"tome\.ratio"):
        rendered(study, odd)


@pytest.mark.parametrize(
    "settings",
    [
        {"clip_sample=os.system('x'), thresholding": False},
        {"clip_sample\n": False},
        {"lambda": False},
        {"clip_sample": [False]},
        {"clip_sample": None},
    ],
)
def test_scheduler_settings_that_are_none_are_refused(settings: dict[str, Any]) -> None:
    study, trial = made_study("SD1.5", ["tome"], _TOME)

    with pytest.raises(InputError, match="scheduler_settings"):
        rendered(study.model_copy(update={"scheduler_settings": settings}), trial)


@given(hostile)
def test_words_of_scheduler_settings_stay_words(text: str) -> None:
    study, trial = made_study("SD1.5", ["tome"], _TOME)
    hostile_study = changed(study, scheduler_settings={"timestep_spacing": text})

    tree = ast.parse(rendered(hostile_study, trial))
    words = [
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword)
        and node.arg == "timestep_spacing"
        and isinstance(node.value, ast.Constant)
    ]
    assert words == [text]
