"""The device that measures: its name, its clock, its memory, and whether others use it."""

from __future__ import annotations

import gc
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from objectives.errors import InputError
from storage.foreign import shown

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")

SLOWED_DOWN = 0x8 | 0x20 | 0x40 | 0x80
"""NVML's bits for slow-downs by hardware, by software for heat, for heat, and by a power brake."""


def find_device(name: str) -> torch.device:
    """Find the device to measure on.

    Args:
        name: `auto` (CUDA if there is one), `cpu`, `cuda` or `cuda:N`.

    Raises:
        InputError: If the name is another one or the device is not there.
    """
    import torch

    gpus = torch.cuda.device_count()
    if name == "auto":
        return torch.device("cuda:0" if gpus else "cpu")
    kind, _, index = name.partition(":")
    if name != "cpu" and (kind != "cuda" or (index and not index.isdecimal())):
        raise InputError(f"unknown device {shown(name)}; use auto, cpu, cuda or cuda:N")
    if kind == "cuda" and int(index or 0) >= gpus:
        raise InputError(
            f"there is no {name} here: torch sees {gpus} CUDA devices; use --device cpu"
        )
    return torch.device(kind, int(index or 0)) if kind == "cuda" else torch.device("cpu")


def device_name(device: torch.device) -> str:
    """Name what a latency depends on: the GPU's model, or the CPU's and torch's threads."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_cpu_model()} ({torch.get_num_threads()} threads)"


def is_cpu(name: str) -> bool:
    """Whether a device's name, from `device_name`, is that of a CPU."""
    return name.endswith("threads)")


def names_meant(wanted: str) -> re.Pattern[str]:
    """Match the names of the devices that are meant, as `device_name` writes them; without torch.

    A CPU matches with any number of threads, unless a name gives it.

    Args:
        wanted: `auto` (this machine's GPUs if it has any, otherwise its CPU), `cpu`, `cuda` or
            `cuda:N` (any GPU of this machine); everything else is a name itself.
    """
    kind = wanted.partition(":")[0]
    if kind not in ("auto", "cpu", "cuda"):
        return re.compile(rf"{re.escape(wanted)}( \(\d+ threads\))?")
    gpus = "" if kind == "cpu" else "|".join(map(re.escape, _gpu_models()))
    if kind == "cuda":
        return re.compile(gpus or r"(?!)")
    return re.compile(gpus or rf"{re.escape(_cpu_model())} \(\d+ threads\)")


def is_cpu_meant(wanted: str) -> bool:
    """Whether a requested device, as in `names_meant`, is this machine's CPU."""
    return wanted == "cpu" or (wanted == "auto" and not _gpu_models())


def driver_version(device: torch.device) -> str:
    """The GPU driver's version; empty on a CPU or if nvidia-smi is missing."""
    if device.type != "cuda":
        return ""
    return (_nvidia_smi(device, "--query-gpu=driver_version") or [""])[0]


def is_shared(device: torch.device) -> bool:
    """Whether another process is seen computing on this GPU now; always False on a CPU."""
    if device.type != "cuda":
        return False
    return len(_nvidia_smi(device, "--query-compute-apps=pid")) > 1


def is_throttled(device: torch.device) -> bool:
    """Whether this GPU lowers its clock for heat or lack of power now; False on a CPU.

    Its own power cap, which a busy GPU meets all the time, does not count.
    """
    if device.type != "cuda":
        return False
    answer = _nvidia_smi(device, "--query-gpu=clocks_throttle_reasons.active")
    reasons = answer[0].strip() if answer else ""
    return reasons.startswith("0x") and bool(int(reasons, 16) & SLOWED_DOWN)


def timed(device: torch.device, call: Callable[[], Result]) -> tuple[Result, float]:
    """Make a call and measure its wall time, with the device idle before and after.

    Args:
        device: Where the call computes.
        call: The call to time.

    Returns:
        The call's result and its duration in seconds.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        _synchronize(device)
        start = time.perf_counter()
        result = call()
        _synchronize(device)
        return result, time.perf_counter() - start
    finally:
        if collecting:
            gc.enable()


def reset_peak_memory(device: torch.device) -> None:
    """Start a new reading of `peak_memory_mib`."""
    import torch

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_mib(device: torch.device) -> float | None:
    """Peak memory of tensors since `reset_peak_memory`, in MiB; None on a CPU.

    A replayed CUDA graph works in memory that belongs to it, whether or not tensors hold it.
    """
    import torch

    if device.type != "cuda":
        return None
    of_graphs = sum(
        segment["total_size"] - segment["allocated_size"]
        for segment in torch.cuda.memory_snapshot()  # type: ignore[no-untyped-call]
        if segment["device"] == device.index and segment["segment_pool_id"] != (0, 0)
    )
    return (torch.cuda.max_memory_allocated(device) + of_graphs) / 2**20


def _synchronize(device: torch.device) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _nvidia_smi(device: torch.device, query: str) -> list[str]:
    """Lines that nvidia-smi prints about one GPU; none if it is missing or fails."""
    import torch

    return _ask_nvidia_smi(f"--id=GPU-{torch.cuda.get_device_properties(device).uuid}", query)


def _gpu_models() -> list[str]:
    """The models of this machine's GPUs; none if they are hidden from CUDA."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return []
    return _ask_nvidia_smi("--query-gpu=name")


def _ask_nvidia_smi(*arguments: str) -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, *arguments, "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return []
    return answer.stdout.splitlines() if answer.returncode == 0 else []


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
