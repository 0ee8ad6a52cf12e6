from __future__ import annotations

import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from accel_space.errors import RefusedError
from accel_space.method import Context
from accel_space.stack import Stack
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.settings.generation import GenerationSettings
from storage.records.requirement import Requirement
from studies.plan import make_plan
from studies.planning.metrics import kept_metrics
from tests.studies.conftest import MakeRequest


def test_study_name_is_combination_and_a_digest(make_request: MakeRequest) -> None:
    plan = make_plan(make_request(steps=20, methods=("tgate", "deepcache"), scheduler="unipc"))
    assert re.fullmatch(r"tiny-shapes--UniPC--20--deepcache\+tgate--[0-9a-f]{8}", plan.study_name)


@pytest.mark.parametrize(
    "changes",
    [{"seed": 1}, {"num_samples": 3}, {"batch_size": 2}],
    ids=lambda changes: next(iter(changes)),
)
def test_another_protocol_is_another_study(
    make_request: MakeRequest, changes: dict[str, int]
) -> None:
    assert make_plan(make_request(**changes)).study_name != make_plan(make_request()).study_name


@pytest.mark.parametrize(
    "changes",
    [
        {"trials": 3},
        {"sampler": "random"},
        {"timeout_s": 9.0},
        {"loss_budget": 0.1},
        {"requirement": Requirement(speedup=2.0)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_how_one_searches_does_not_change_the_study(
    make_request: MakeRequest, changes: dict[str, object]
) -> None:
    assert make_plan(make_request(**changes)).study_name == make_plan(make_request()).study_name


def test_another_loss_makes_another_study_and_more_metrics_do_not(
    make_request: MakeRequest,
) -> None:
    usual, more = make_plan(make_request()), make_plan(make_request(metrics=("attributes",)))
    other = make_plan(make_request(loss="attributes"))
    assert other.study_name != usual.study_name
    assert other.protocol.metrics == more.protocol.metrics
    assert other.baseline_identity == usual.baseline_identity, "the pictures are the same"
    assert more.study_name == usual.study_name
    assert more.protocol.metrics == (*usual.protocol.metrics, "attributes")
    assert make_plan(make_request(metrics=("ssim",))).study_name == usual.study_name
    assert "attributes" in kept_metrics(make_request(conditions={"attributes": 0.1}))
    small = GenerationSettings(size=(8, 8))
    assert "ms_ssim" in usual.protocol.metrics, "it costs next to nothing"
    assert "ms_ssim" not in make_plan(make_request(generation=small)).protocol.metrics
    assert kept_metrics(make_request(conditions={"ms_ssim": None})), "a budget is lifted"


SETTINGS = GenerationSettings(
    8.0, (96, 64), "bfloat16", "a blue circle", {"timestep_spacing": "trailing"}
)


def test_how_pictures_are_drawn_is_in_the_protocol_and_is_what_methods_see(
    make_request: MakeRequest,
) -> None:
    plan = make_plan(make_request(generation=SETTINGS, methods=("deepcache", "tome")))
    protocol, context = plan.protocol, plan.stack.context
    assert (protocol.guidance_scale, context.guidance_scale) == (8.0, 8.0)
    assert (protocol.width, protocol.height) == (96, 64)
    native = make_plan(make_request(methods=("deepcache", "tome"))).stack.context
    height, width = native.profile.latent_size
    assert context.profile.latent_size == (height, width * 3 // 2)
    assert (protocol.dtype, protocol.negative_prompt) == ("bfloat16", "a blue circle")


@pytest.mark.parametrize(
    "field", [field.name for field in fields(GenerationSettings) if field.name != "loras"]
)
def test_each_setting_names_another_study_and_the_pipelines_own_does_not(
    make_request: MakeRequest, field: str
) -> None:
    own = make_plan(make_request())
    chosen = GenerationSettings(**{field: getattr(SETTINGS, field)})
    assert make_plan(make_request(generation=chosen)).study_name != own.study_name
    usual = GenerationSettings(
        own.protocol.guidance_scale, (64, 64), "float32", "", {"clip_sample": False}
    )
    assert make_plan(make_request(generation=usual)).study_name == own.study_name


def sorted_by_topic(folder: Path) -> Path:
    """A file of two topics, one behind the other, and some prompts twice."""
    file = folder / "mine.txt"
    topics = [f"{topic} {number}" for topic in ("cat", "dog") for number in range(40)]
    file.write_text("\n".join(topics + topics[:3]))
    return file


def test_the_search_and_its_confirmation_see_all_topics_of_a_sorted_file(
    make_request: MakeRequest, tmp_path: Path
) -> None:
    file = sorted_by_topic(tmp_path)
    plan = make_plan(make_request(prompts=file, num_samples=40, confirm=True))
    confirmation = plan.confirmation()
    assert confirmation is not None
    for prompts in (plan.prompts, confirmation.prompts):
        cats = sum(prompt.startswith("cat") for prompt in prompts)
        assert 12 <= cats <= 28
    assert len({*plan.prompts, *confirmation.prompts}) == 80
    assert plan.protocol.prompts.startswith("mine.txt@")
    assert plan.protocol.prompts_seed == confirmation.protocol.prompts_seed == 0


def test_prompts_are_drawn_by_the_seed_and_the_same_ones_each_time(
    make_request: MakeRequest, tmp_path: Path
) -> None:
    file = sorted_by_topic(tmp_path)
    first, again, other = (
        make_plan(make_request(prompts=file, num_samples=8, seed=seed)) for seed in (0, 0, 1)
    )
    assert first.prompts == again.prompts != other.prompts
    assert first.study_name == again.study_name
    more = make_plan(make_request(prompts=file, num_samples=20))
    assert more.prompts[:8] == first.prompts


def test_repeated_prompts_are_left_out_and_told(make_request: MakeRequest, tmp_path: Path) -> None:
    file = sorted_by_topic(tmp_path)
    plan = make_plan(make_request(prompts=file))
    assert plan.notes == ("mine.txt repeats prompts, such as 'cat 0': 3 of 83 left out",)
    with pytest.raises(InputError, match=r"has 80 different prompts, and --num-samples"):
        make_plan(make_request(prompts=file, num_samples=81))
    assert make_plan(make_request()).notes == ()


def test_a_short_prompt_file_sets_the_default_number_of_samples(
    make_request: MakeRequest, tmp_path: Path
) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("one\ntwo\nthree\n")
    plan = make_plan(make_request(prompts=file, num_samples=None, batch_size=None))
    assert (plan.protocol.num_samples, plan.protocol.batch_size) == (3, 3)


@pytest.mark.parametrize("model", [None, "tiny-shapes-v"])
def test_a_plan_builds_its_stack_once(
    make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch, model: str | None
) -> None:
    built: list[Stack] = []

    def build(context: Context) -> Stack:
        built.append(Stack(context))
        return built[-1]

    monkeypatch.setattr("studies.planning.stacks.Stack", build)
    folder = None if model is None else str(find_pipeline(model).model)
    plan = make_plan(make_request(model=folder))
    assert [plan.stack] == built


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"pipeline": "SD9"}, "SD9"),
        ({"scheduler": "DDIMM"}, "DDIM"),
        ({"methods": ("turbo",)}, "turbo"),
        ({"methods": ()}, "--methods"),
        ({"steps": 0}, "--steps"),
        ({"trials": 0}, "--trials"),
        ({"num_samples": 0}, "--num-samples"),
        ({"num_samples": 10_000}, "10000"),
        ({"batch_size": -1}, "--batch-size"),
        ({"seed": -1}, "--seed"),
        ({"seed": 2**32}, "--seed"),
        ({"steps": 10**9}, "--steps"),
        ({"trials": 10**5000}, "--trials"),
        ({"sampler": "x" * 10**6}, "'x"),
        ({"timeout_s": 0.0}, "--timeout"),
        ({"requirement": Requirement(speedup=-1.0)}, "--req-speedup"),
        ({"requirement": Requirement(speedup=0.5)}, "--req-speedup must be 1 or more; 0.5 would"),
        ({"requirement": Requirement(speedup=float("nan"))}, "--req-speedup"),
        ({"requirement": Requirement(latency_s=float("nan"))}, "--req-time"),
        ({"loss_budget": 2.0}, "--req-score-loss"),
        ({"sampler": "magic"}, "'magic'; use auto, grid"),
        ({"sampler": "ramdom"}, "'ramdom'; did you mean random? Use auto, grid"),
        ({"methods": ("deepcahe",)}, "'deepcahe'; did you mean deepcache? The methods are deepc"),
        ({"scheduler": "unipic"}, "'unipic'; did you mean UniPC? Use DDIM"),
        ({"pipeline": "tinyshape"}, "did you mean tiny-shapes? The catalogue has tiny-shapes"),
        ({"metrics": ("attributs",)}, "'attributs'; did you mean attributes? There are "),
        (
            {"metrics": ("attributes",), "prompts": Path(find_pipeline("SDXL").prompts)},
            "--metrics attributes cannot be used here: it reads captions of the tiny-shapes world",
        ),
        ({"device": "tpu"}, "tpu"),
        ({"model": "nowhere"}, "nowhere"),
        ({"scorer": "nowhere"}, "nowhere"),
        ({"revision": "main"}, "--revision"),
        ({"scheduler": "FlowMatchEulerDiscrete"}, "FlowMatchEuler does not suit this pipeline"),
        ({"pipeline": "PixArt-alpha"}, "DeepCache needs a UNet"),
        ({"prompts": Path("nowhere.txt")}, "nowhere.txt"),
        ({"steps": 3, "methods": ("tgate",)}, "6 steps"),
        ({"steps": 1}, "2 steps or more"),
        ({"scheduler": "HeunDiscrete"}, "HeunDiscreteScheduler"),
        ({"scheduler": "HeunDiscrete"}, "or shares one; take DDIM, DPM-Solver++ or UniPC"),
        ({"generation": GenerationSettings(guidance_scale=-1.0)}, "--guidance must be"),
        ({"generation": GenerationSettings(guidance_scale=float("nan"))}, "nan was given"),
        ({"generation": GenerationSettings(size=(1, 64))}, "--size takes sides of 8 to 8192"),
        ({"generation": GenerationSettings(size=(70, 64))}, "70x64 (width x height) was asked"),
        ({"generation": GenerationSettings(dtype="float16")}, "--dtype fp16 needs a GPU"),
        ({"generation": GenerationSettings(negative_prompt="a\nb")}, "--negative-prompt takes one"),
        ({"generation": GenerationSettings(negative_prompt="x" * 10**6)}, "at most 2000"),
        ({"generation": GenerationSettings(1.0, negative_prompt="a")}, "does nothing at a guid"),
        (
            {"generation": GenerationSettings(scheduler_options={"use_karras_sigma": True})},
            "DDIM has no option 'use_karras_sigma'; it has num_train_timesteps, ",
        ),
        (
            {"generation": GenerationSettings(scheduler_options={"clip_samples": True})},
            "no option 'clip_samples'; did you mean clip_sample?",
        ),
        (
            {"generation": GenerationSettings(scheduler_options={"clip_sample": 1})},
            "--scheduler-option clip_sample of DDIM takes true or false, and 1 was given",
        ),
        (
            {"generation": GenerationSettings(scheduler_options={"steps_offset": True})},
            "takes a whole number, and True was given",
        ),
        (
            {"generation": GenerationSettings(scheduler_options={"timestep_spacing": "odd"})},
            "DDIMScheduler with 6 steps does not work with this pipeline: odd is not supported",
        ),
        (
            {"generation": GenerationSettings(scheduler_options={"beta_schedule": "odd"})},
            "DDIM does not work with this pipeline: odd is not implemented for DDIMScheduler",
        ),
        (
            {"generation": GenerationSettings(1.0), "methods": ("cfg_cutoff",)},
            "guidance_scale 1 is off",
        ),
    ],
)
def test_wrong_input_is_refused_in_one_line_that_names_it(
    make_request: MakeRequest, changes: dict[str, object], named: str
) -> None:
    with pytest.raises((InputError, RefusedError)) as caught:
        make_plan(make_request(**changes))
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_compile_without_a_compiler_is_refused_before_anything_loads(
    make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("CC", "CXX"):
        monkeypatch.delenv(variable, raising=False)
    request = make_request(methods=("compile",))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RefusedError, match=r"compile needs a C\+\+ compiler.*g\+\+"):
        make_plan(request)
    monkeypatch.setenv("CXX", "/usr/local/bin/missing-compiler")
    with pytest.raises(RefusedError, match=r"there is no /usr/local/bin/missing-compiler"):
        make_plan(request)
    monkeypatch.setenv("CXX", f"{sys.executable} g++")
    assert make_plan(request).stack.methods, "torch splits what it calls"
