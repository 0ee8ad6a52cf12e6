"""Pipelines that a person has loaded: what is taken, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from peft import LoraConfig

from objectives.embedded import FLUX_DIR, PIPELINE_DIR, SD3_DIR, V_DIR, XL_DIR
from objectives.errors import InputError
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.given import loaded_fingerprint, take_pipe
from tests.accel_space.contract.stacks import make_stack
from tests.tiny_pipelines import FAMILIES, draw, tiny_pipeline


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pipe_is_taken_as_it_is(family: str) -> None:
    pipe = tiny_pipeline(family, "UniPCMultistepScheduler")
    given = take_pipe(pipe)
    assert given.scheduler == "UniPCMultistepScheduler"
    assert given.device == torch.device("cpu")
    assert given.dtype == "float32"
    assert given.entry.pipeline_class == type(pipe).__name__
    assert given.architecture.native_size == (32, 32)
    assert given.model().pipe is pipe
    assert given.model().name.startswith("loaded-pipe@")
    assert take_pipe(pipe.to(torch.bfloat16)).dtype == "bfloat16"


@pytest.mark.parametrize("folder", [PIPELINE_DIR, V_DIR, XL_DIR, SD3_DIR, FLUX_DIR])
def test_a_pipe_is_known_by_its_size_and_by_what_it_predicts(folder: Path) -> None:
    import diffusers

    pipe = getattr(diffusers, PIPELINES[folder.name].pipeline_class).from_pretrained(folder)
    assert take_pipe(pipe).entry.name == folder.name


@pytest.mark.parametrize(
    ("family", "name"),
    [("SD1.5", "SD1.5"), ("SDXL", "SDXL"), ("PixArt-alpha", "PixArt-alpha")],
)
def test_a_pipe_of_an_unknown_size_is_no_toy(family: str, name: str) -> None:
    assert take_pipe(tiny_pipeline(family)).entry.name == name


def test_the_catalogue_knows_its_own_sizes() -> None:
    pipe = tiny_pipeline("SD1.5")
    for name in ("SD1.5", "SD2.1"):
        architecture = PIPELINES[name].architecture
        same = [n for n, e in PIPELINES.items() if e.architecture.is_sized_as(architecture)]
        assert same == [name]
    assert not take_pipe(pipe).architecture.is_sized_as(PIPELINES["SD1.5"].architecture)


def test_a_class_of_no_family_is_refused_with_the_list() -> None:
    pipe = tiny_pipeline("SD1.5")
    other = StableDiffusionImg2ImgPipeline(**pipe.components, requires_safety_checker=False)
    listed = r"StableDiffusionPipeline, StableDiffusionXLPipeline, PixArtAlphaPipeline"
    with pytest.raises(InputError, match=f"a StableDiffusionImg2ImgPipeline is no .*{listed}"):
        take_pipe(other)
    with pytest.raises(InputError, match=f"a NoneType is no .*{listed}"):
        take_pipe(None)


def test_a_pipe_without_a_part_is_refused() -> None:
    pipe = tiny_pipeline("PixArt-alpha")
    pipe.text_encoder = None
    with pytest.raises(InputError, match="has no text_encoder, which reads the prompts"):
        take_pipe(pipe)


def _sequential_offload(pipe: Any) -> None:
    from accelerate import cpu_offload

    cpu_offload(pipe.unet, torch.device("cpu"), offload_buffers=False)


def _group_offload(pipe: Any) -> None:
    pipe.unet.enable_group_offload(
        torch.device("cpu"), torch.device("cpu"), offload_type="leaf_level"
    )


def _model_offload(pipe: Any) -> None:
    from accelerate import cpu_offload_with_hook

    _, hook = cpu_offload_with_hook(pipe.unet, torch.device("cpu"))
    pipe._all_hooks = [hook]


def _device_map(pipe: Any) -> None:
    pipe.hf_device_map = {"unet": 0, "vae": 1}


@pytest.mark.parametrize(
    "offload", [_sequential_offload, _group_offload, _model_offload, _device_map]
)
def test_offload_is_refused_with_the_reason(offload: Any) -> None:
    pipe = tiny_pipeline("SD1.5")
    offload(pipe)
    with pytest.raises(InputError, match=r"a latency would be that of the moving; call pipe.rem"):
        take_pipe(pipe)


def test_weights_on_several_devices_are_refused() -> None:
    pipe = tiny_pipeline("SD1.5")
    pipe.vae.to("meta")
    with pytest.raises(InputError, match="on one device, and are on cpu, meta"):
        take_pipe(pipe)


def test_other_weights_than_a_study_knows_are_refused() -> None:
    pipe = tiny_pipeline("SD1.5")
    pipe.unet.to(torch.float64)
    with pytest.raises(InputError, match="float32, and this pipe's are in float64"):
        take_pipe(pipe)


def test_a_pipe_that_is_accelerated_or_compiled_is_refused() -> None:
    pipe = tiny_pipeline("SD1.5")
    stack = make_stack(pipe, ("deepcache",))
    undo = stack.install(pipe, stack.default)
    with pytest.raises(InputError, match="accelerated already; undo that first"):
        take_pipe(pipe)
    undo()
    pipe.unet = torch.compile(pipe.unet)
    with pytest.raises(InputError, match="add the method compile"):
        take_pipe(pipe)


def _deepcache(pipe: Any) -> Callable[[], None]:
    from DeepCache import DeepCacheSDHelper

    helper = DeepCacheSDHelper(pipe=pipe)
    helper.set_params(cache_interval=3, cache_branch_id=0)
    helper.enable()
    return helper.disable  # type: ignore[no-any-return]


def _tome(pipe: Any) -> Callable[[], None]:
    import tomesd

    tomesd.apply_patch(pipe, ratio=0.5)
    return lambda: tomesd.remove_patch(pipe) and None


def _first_block(pipe: Any) -> Callable[[], None]:
    from diffusers.hooks.hooks import HookRegistry, ModelHook

    registry = HookRegistry.check_if_exists_or_initialize(pipe.unet.mid_block)
    registry.register_hook(ModelHook(), "fbc_block_hook")
    return lambda: registry.remove_hook("fbc_block_hook")


def _hook(pipe: Any) -> Callable[[], None]:
    return pipe.unet.mid_block.register_forward_hook(lambda *_: None).remove  # type: ignore[no-any-return]


def _pre_hook(pipe: Any) -> Callable[[], None]:
    return pipe.vae.decoder.register_forward_pre_hook(lambda *_: None).remove  # type: ignore[no-any-return]


def _forward(pipe: Any) -> Callable[[], None]:
    plain = pipe.text_encoder.forward

    @wraps(plain)
    def forward(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    pipe.text_encoder.forward = forward
    return partial(delattr, pipe.text_encoder, "forward")


@pytest.mark.parametrize(
    ("patch", "module"),
    [
        (_deepcache, "unet"),
        (_tome, "unet"),
        (_first_block, "unet.mid_block"),
        (_hook, "unet.mid_block"),
        (_pre_hook, "vae.decoder"),
        (_forward, "text_encoder"),
    ],
)
def test_a_patched_pipe_is_refused_and_taken_once_that_is_undone(
    patch: Callable[[Any], Callable[[], None]], module: str
) -> None:
    pipe = tiny_pipeline("SD1.5")
    name = take_pipe(pipe).model().name
    undo = patch(pipe)
    with pytest.raises(InputError, match=rf"this pipe's {module} is patched, .*helper\.disable"):
        take_pipe(pipe)
    undo()
    assert take_pipe(pipe).model().name == name


def _accelerate(pipe: Any) -> None:
    from accelerate.hooks import ModelHook, add_hook_to_module

    add_hook_to_module(pipe.vae, ModelHook())


def _accelerate_and_no_more(pipe: Any) -> None:
    from accelerate.hooks import remove_hook_from_module

    _accelerate(pipe)
    remove_hook_from_module(pipe.vae)


def _casting(pipe: Any) -> None:
    pipe.vae.enable_layerwise_casting(torch.bfloat16, torch.float32)


def _lora(pipe: Any) -> None:
    pipe.unet.add_adapter(LoraConfig(r=2, target_modules=["to_q"], init_lora_weights=False))


def _hidden_states(pipe: Any) -> None:
    pipe.text_encoder(torch.zeros(1, 4, dtype=torch.long), output_hidden_states=True)
    assert any(module._forward_hooks for module in pipe.text_encoder.modules())


def _compiled_vae(pipe: Any) -> None:
    pipe.vae = torch.compile(pipe.vae)


@pytest.mark.parametrize(
    "leave",
    [_accelerate, _accelerate_and_no_more, _casting, _lora, _hidden_states, _compiled_vae],
)
def test_what_the_libraries_of_diffusers_leave_in_a_pipe_is_taken(
    leave: Callable[[Any], None],
) -> None:
    pipe = tiny_pipeline("SD1.5")
    leave(pipe)
    take_pipe(pipe)


def test_a_denoiser_that_is_compiled_in_place_is_refused() -> None:
    pipe = tiny_pipeline("SD1.5")
    pipe.unet.mid_block.compile()
    with pytest.raises(InputError, match="add the method compile"):
        take_pipe(pipe)


@pytest.mark.parametrize(
    "scheduler",
    ["DDIMScheduler", "DPMSolverMultistepScheduler", "EulerDiscreteScheduler", "PNDMScheduler"],
)
def test_a_scheduler_with_edited_tables_is_refused_and_one_that_has_run_is_not(
    scheduler: str,
) -> None:
    pipe = tiny_pipeline("SD1.5", scheduler)
    draw(pipe, steps=2)
    take_pipe(pipe)
    pipe.scheduler.alphas_cumprod[500] *= 0.9
    with pytest.raises(InputError, match="other alphas_cumprod than its configuration makes"):
        take_pipe(pipe)


def test_a_pipe_that_draws_from_pictures_is_refused() -> None:
    pipe = tiny_pipeline("SD1.5", in_channels=9)
    with pytest.raises(InputError, match="the configuration of the unet: in_channels is 9"):
        take_pipe(pipe)


def test_a_folder_is_known_for_the_pipe_that_was_saved_there(tmp_path: Path) -> None:
    pipe = tiny_pipeline("SD1.5", "DPMSolverMultistepScheduler").to(torch.bfloat16)
    pipe.save_pretrained(tmp_path / "a")
    entry = PIPELINES["SD1.5"]
    name = take_pipe(pipe).model().name
    assert name == f"loaded-pipe@{loaded_fingerprint(entry, tmp_path / 'a', 'bfloat16')}"
    other = StableDiffusionPipeline.from_pretrained(PIPELINE_DIR)
    other.save_pretrained(tmp_path / "b")
    assert loaded_fingerprint(entry, tmp_path / "b", "bfloat16") != name.partition("@")[2]
    with pytest.raises(InputError, match="no model in diffusers layout"):
        loaded_fingerprint(entry, tmp_path / "none", "float32")


def test_a_folder_with_unfused_loras_is_refused_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pipe = tiny_pipeline("SD1.5")
    _lora(pipe)
    pipe.save_pretrained(tmp_path)
    capfd.readouterr()
    with pytest.raises(InputError) as refused:
        loaded_fingerprint(PIPELINES["SD1.5"], tmp_path, "float32")
    assert f"from {tmp_path}: it lacks weights of its parts; fuse its LoRAs" in str(refused.value)
    assert capfd.readouterr() == ("", "")
