from __future__ import annotations

from pathlib import Path

import pytest
from diffusers import StableDiffusionPipeline

from accel_space.errors import RefusedError
from objectives.embedded import PIPELINE_DIR
from objectives.errors import InputError
from objectives.settings.generation import AskedLora, GenerationSettings
from studies.sweep import label, list_study, make_requests
from studies.sweep_file import read_sweep
from tests.tiny_loras import save_lora

STUDIES = Path(__file__).parents[2] / "studies"

SMALL = """
pipelines: [tiny-shapes, tiny-shapes-v]
schedulers: [DDIM, unipc]
steps: [6, 8]
methods: [deepcache+tome, deepcache]
"""


def sweep_of(folder: Path, text: str) -> list[str]:
    file = folder / "sweep.yaml"
    file.write_text(text, encoding="utf-8")
    return [label(each) for each in make_requests(read_sweep(file), folder)]


def test_lists_are_crossed_by_pipeline_and_parts_stand_before_their_stacks(tmp_path: Path) -> None:
    labels = sweep_of(tmp_path, SMALL)
    assert len(labels) == 2 * 2 * 2 * 2
    assert labels[:4] == [
        "tiny-shapes--DDIM--6--deepcache",
        "tiny-shapes--DDIM--6--deepcache+tome",
        "tiny-shapes--DDIM--8--deepcache",
        "tiny-shapes--DDIM--8--deepcache+tome",
    ]
    assert [each.startswith("tiny-shapes-v") for each in labels] == [False] * 8 + [True] * 8


def test_a_lone_value_stands_for_a_list_and_equal_ones_count_once(tmp_path: Path) -> None:
    text = "pipelines: sdxl\nschedulers: [DDIM, ddim]\nsteps: 6\nmethods: [tgate, [tgate]]\n"
    assert sweep_of(tmp_path, text) == ["SDXL--DDIM--6--tgate"]


def test_exclusions_leave_out_what_matches_all_their_lists(tmp_path: Path) -> None:
    labels = sweep_of(
        tmp_path,
        SMALL + "exclude: [{pipelines: tiny-shapes-v, steps: [6]}, {methods: tome+deepcache}]\n",
    )
    assert len(labels) == 6
    assert not any("tome" in each for each in labels)
    assert not any(each.startswith("tiny-shapes-v--") and "--6--" in each for each in labels)


def test_budgets_reach_the_studies_that_begin(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(SMALL + "budgets: {ssim: 40%, psnr: 0.1, memory: 20GiB}\nloss_budget: 0.03\n")
    for each in make_requests(read_sweep(file), tmp_path):
        assert (each.loss_budget, each.budget_use) == (0.03, "begin")
        assert each.conditions == {"ssim": 0.4, "psnr": 0.1, "memory_mib": 20480}
    file.write_text(SMALL + "budgets: {ssim: 0.9}\n")
    with pytest.raises(
        InputError, match=r"sweep\.yaml, line 6: budgets: .*for SSIM of at least 0\.9 give ssim=10%"
    ):
        read_sweep(file)


def test_protocol_and_models_reach_the_studies(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "sweep.yaml").write_text(
        "pipelines: [SDXL, SD1.5]\nschedulers: DDIM\nsteps: 6\nmethods: tgate\ntrials: 5\n"
        "models: {sdxl: model, SD1.5: owner/name}\nloss_budget: 0.1\nsampler: random\n"
        "protocol: {num_samples: 4, batch_size: 2, seed: 7, prompts: mine.txt, scorer: a:b, "
        "metrics: [ms_ssim]}\n"
    )
    requests = make_requests(read_sweep(tmp_path / "sweep.yaml"), tmp_path, "cpu")
    assert [each.model for each in requests] == [str(tmp_path / "model"), "owner/name"]
    for each in requests:
        assert each.prompts == tmp_path / "mine.txt"
        assert each.metrics == ("ms_ssim",)
        assert (each.num_samples, each.batch_size, each.seed, each.scorer) == (4, 2, 7, "a:b")
        assert (each.trials, each.loss_budget, each.sampler) == (5, 0.1, "random")
        assert each.device == "cpu"


def test_settings_reach_the_studies_and_loras_lie_beside_the_file(tmp_path: Path) -> None:
    pipe = StableDiffusionPipeline.from_pretrained(PIPELINE_DIR, safety_checker=None)
    lora = save_lora(pipe, tmp_path / "style.safetensors")
    file = tmp_path / "sweep.yaml"
    file.write_text(
        SMALL + "protocol:\n  guidance: 8\n  size: 96x64\n  dtype: bf16\n"
        "  negative_prompt: a blue circle\n  loras: style.safetensors:0.5\n"
        "  scheduler_options: {timestep_spacing: trailing}\n"
    )
    for each in make_requests(read_sweep(file), tmp_path):
        assert each.generation == GenerationSettings(
            8.0,
            (96, 64),
            "bfloat16",
            "a blue circle",
            {"timestep_spacing": "trailing"},
            (AskedLora(lora, 0.5),),
        )
    lora.unlink()
    with pytest.raises(
        InputError, match=r"cannot load the LoRA from .*style\.safetensors: No such"
    ):
        make_requests(read_sweep(file), tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("protocol:\n  guidance: much", "line 7: protocol: guidance: it must be a number"),
        ("protocol:\n\n  size: 12", "line 8: protocol: size: it must be text, and 12 was given"),
        ("protocol: {dtype: int8}", "line 6: protocol: dtype: --dtype is fp16, bf16, fp32"),
        ("protocol:\n  scheduler_options: [a]", "line 7: protocol: scheduler_options: it must be"),
        ("protocol:\n  seed: 1\n  gidance: 3", "line 8: unknown key protocol.gidance; did you"),
        ("trials: many", "line 6: trials: input should be a valid integer"),
        ("exclude:\n- steps: 6\n- step: 7", "line 8: unknown key exclude.1.step"),
    ],
)
def test_what_is_wrong_is_told_with_the_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as refusal:
        sweep_of(tmp_path, SMALL + text + "\n")
    assert f"sweep.yaml, {told}" in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must hold keys and values"),
        ("- a", "must hold keys and values"),
        ("pipelines: [", "is no YAML"),
        (SMALL + "pipeline: SDXL", "unknown key pipeline; did you mean pipelines?"),
        (SMALL + "colour: red", "unknown key colour; the keys are pipelines"),
        (SMALL + "protocol: {batchsize: 3}", "protocol.batchsize; did you mean batch_size?"),
        (SMALL + "exclude: [{step: 3}]", "exclude.0.step; did you mean steps?"),
        (SMALL + "trials: many", "trials: input should be a valid integer, and it is 'many'"),
        (SMALL + "trials: 0", "trials: input should be greater than or equal to 1"),
        (SMALL + "loss_budget: 2", "loss_budget: input should be less than or equal to 0.5"),
        (SMALL.replace("[6, 8]", "[]"), "steps: value should have at least 1 item"),
        (SMALL.replace("[6, 8]", "[6, x]"), "steps.1: input should be a valid integer"),
        (SMALL.replace("steps: [6, 8]", ""), "the key steps is missing"),
        (SMALL.replace("steps: [6, 8]", "step: 20"), "unknown key step; did you mean steps?"),
        (SMALL.replace("[6, 8]", "[1001]"), "steps.0: input should be less than or equal to 1000"),
        (SMALL.replace("[6, 8]", "9" * 5000), "steps.0: input should be a valid integer"),
        (SMALL.replace("[6, 8]", "[{a: [b]}]"), "and it is keys and values"),
        (SMALL.replace("[6, 8]", "[" * 3000 + "]" * 3000), "nested too deeply"),
        (SMALL.replace("unipc", "2024-13-45"), "unknown scheduler '2024-13-45'"),
        (SMALL.replace("unipc", "x" * 10**5), f"unknown scheduler '{'x' * 80}'...; use"),
        (SMALL + "steps: 7", "'steps' is given twice"),
        (SMALL + 'storage: "\\ud800"', "half a character"),
        (SMALL + "? " + "x" * 10**5 + "\n: 1", f"unknown key {'x' * 10}"),
        (SMALL.replace("unipc", "unipic"), "did you mean UniPC"),
        (SMALL.replace("tiny-shapes-v", "tiny-shaped"), "did you mean tiny-shapes"),
        (SMALL.replace("tome", "tom"), "unknown method 'tom'"),
        (SMALL + "protocol: {metrics: [lpisp]}", "no metric 'lpisp'; did you mean lpips"),
        (SMALL + "protocol: {weights: {dino: a.pth}}", "does not measure DINOv2"),
        (SMALL + "exclude: [{schedulers: [DDIM, UniPC]}]", "leaves out every study"),
        (
            SMALL.replace("[6, 8]", str(list(range(1, 901)))),
            "has 7,200 studies, and a file may have 2,000; shorten its lists",
        ),
    ],
)
def test_wrong_file_is_refused_with_key_and_what_is_allowed(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises((InputError, RefusedError)) as refusal:
        sweep_of(tmp_path, text)
    assert told.lower() in str(refusal.value).lower()
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "sweep.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_sweep(file)


@pytest.mark.parametrize("file", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_study_of_a_shipped_sweep_is_refused(file: Path) -> None:
    requests = make_requests(read_sweep(file), file.parent)
    combinations = {(each.pipeline, each.methods): each for each in requests}
    for each in combinations.values():
        assert list_study(each).refused is None


def test_the_prototypes_cross_is_162_studies_and_a_tenth_fewer_points_than_its_grids() -> None:
    file = STUDIES / "prototype.yaml"
    requests = make_requests(read_sweep(file), file.parent)
    assert len({label(each) for each in requests}) == len(requests) == 162
    listed = [list_study(each) for each in requests if each.pipeline == "SD1.5"]
    tgate = {each.request.steps: each for each in listed if each.request.methods == ("tgate",)}
    assert {steps: (each.points, each.grid) for steps, each in tgate.items()} == {
        20: (1211, 1800),
        25: (1365, 1800),
        50: (1365, 1800),
    }


def test_a_study_that_cannot_work_is_listed_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(
        "pipelines: PixArt-alpha\nschedulers: DDIM\nsteps: 6\nmethods: [deepcache, tgate]\n"
    )
    requests = make_requests(read_sweep(tmp_path / "sweep.yaml"), tmp_path)
    deepcache, tgate = (list_study(each) for each in requests)
    assert "needs a UNet" in str(deepcache.refused)
    assert deepcache.points == 0
    assert tgate.refused is None and 0 < tgate.points < tgate.grid


def test_the_sweep_of_transformers_lists_calibrated_caches_with_distinct_points() -> None:
    requests = make_requests(read_sweep(STUDIES / "transformers.yaml"), STUDIES)
    caches = {("mag_cache",), ("first_block_cache",)}
    listed = [list_study(each) for each in requests if each.methods in caches]
    found = {(each.request.pipeline, *each.request.methods) for each in listed}
    pipelines = ("FLUX.1-dev", "SD3.5-medium", "Qwen-Image")
    assert found == {(name, *methods) for name in pipelines for methods in caches}
    assert all(each.refused is None and each.estimated for each in listed)
    assert all(1 < each.points <= each.grid for each in listed)
    others = [each for each in requests if each.methods == ("taylorseer",)]
    assert not any(list_study(each).estimated for each in others)
