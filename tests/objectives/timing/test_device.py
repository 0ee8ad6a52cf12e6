from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest
import torch

from objectives.errors import InputError
from objectives.timing import device as devices

CPU = torch.device("cpu")

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="tells what a CPU machine says")


def test_cpu_is_found() -> None:
    assert devices.find_device("cpu") == CPU


@without_gpu
def test_auto_is_the_cpu_where_there_is_no_gpu() -> None:
    assert devices.find_device("auto") == CPU


@without_gpu
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_gpu_that_is_not_there_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(InputError, match=f"no {name} here: torch sees 0 .*--device cpu"):
        devices.find_device(name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_is_found_by_each_of_its_names() -> None:
    assert {devices.find_device(name) for name in ("auto", "cuda", "cuda:0")} == {
        torch.device("cuda:0")
    }


@pytest.mark.parametrize(
    "name", ["", "gpu", "CUDA", "mps", "cpu:0", "cuda:x", "cuda:-1", "cuda:1.0", "cuda:²", "auto:0"]
)
def test_nonsense_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(InputError, match="use auto, cpu, cuda or cuda:N"):
        devices.find_device(name)


def test_cpu_is_named_with_its_threads() -> None:
    assert devices.device_name(CPU).endswith(f"({torch.get_num_threads()} threads)")


@without_gpu
@pytest.mark.parametrize("wanted", ["auto", "cpu"])
def test_the_cpu_is_meant_with_any_number_of_threads(wanted: str) -> None:
    model = devices.device_name(CPU).rpartition(" (")[0]
    meant = devices.names_meant(wanted)
    assert meant.fullmatch(devices.device_name(CPU))
    assert meant.fullmatch(f"{model} (99 threads)")
    assert not meant.fullmatch("another CPU (2 threads)")


def test_gpus_are_meant_where_there_are_some_and_cuda_may_see_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho NVIDIA H100 80GB HBM3\necho NVIDIA L4\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cpu = devices.device_name(CPU)
    for wanted in ("auto", "cuda", "cuda:1"):
        assert devices.names_meant(wanted).fullmatch("NVIDIA H100 80GB HBM3")
        assert devices.names_meant(wanted).fullmatch("NVIDIA L4")
        assert not devices.names_meant(wanted).fullmatch(cpu)
    assert devices.names_meant("cpu").fullmatch(cpu)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices.names_meant("auto").fullmatch(cpu)
    assert not devices.names_meant("cuda").fullmatch("NVIDIA L4")


def test_a_name_means_itself() -> None:
    assert devices.names_meant("NVIDIA L4").fullmatch("NVIDIA L4")
    assert devices.names_meant("a CPU").fullmatch("a CPU (2 threads)")
    assert devices.names_meant("a CPU (2 threads)").fullmatch("a CPU (2 threads)")
    assert not devices.names_meant("a CPU (2 threads)").fullmatch("a CPU (1 threads)")


def test_cpu_has_no_driver_no_peak_and_no_other_users() -> None:
    devices.reset_peak_memory(CPU)
    assert devices.driver_version(CPU) == ""
    assert devices.peak_memory_mib(CPU) is None
    assert not devices.is_shared(CPU)


def test_timed_returns_result_and_seconds() -> None:
    def call() -> str:
        sleep(0.05)
        return "done"

    result, seconds = devices.timed(CPU, call)
    assert result == "done"
    assert 0.05 <= seconds < 1.0


@pytest.fixture
def collection_restored() -> Iterator[None]:
    enabled = gc.isenabled()
    yield
    (gc.enable if enabled else gc.disable)()


@pytest.mark.usefixtures("collection_restored")
@pytest.mark.parametrize("enabled", [True, False])
def test_timed_collects_no_garbage_meanwhile_and_leaves_that_as_it_was(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    assert devices.timed(CPU, gc.isenabled)[0] is False
    assert gc.isenabled() is enabled


@pytest.mark.usefixtures("collection_restored")
def test_timed_turns_collection_on_again_after_an_error() -> None:
    gc.enable()
    with pytest.raises(ZeroDivisionError):
        devices.timed(CPU, lambda: 1 // 0)
    assert gc.isenabled()
