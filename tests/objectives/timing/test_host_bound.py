from __future__ import annotations

import pytest
import torch

from objectives.timing.host_bound import watch_host


class Denoiser(torch.nn.Module):
    """Equal blocks of many layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers = [torch.nn.Linear(width, width) for _ in range(4)]
        self.blocks = torch.nn.ModuleList(torch.nn.Sequential(*layers * 50) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return x


def run(denoiser: Denoiser, device: torch.device, rows: int) -> float | None:
    width = next(denoiser.parameters()).shape[0]
    x = torch.zeros(rows, width, device=device)
    with torch.no_grad(), watch_host(denoiser, device) as share:
        for _ in range(3):
            x = denoiser(x)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return share.gpu_bound


def test_on_a_cpu_nothing_is_watched() -> None:
    assert run(Denoiser(4), torch.device("cpu"), rows=1) is None


@pytest.mark.gpu
def test_large_launches_are_not_host_bound_and_small_ones_are() -> None:
    device = torch.device("cuda:0")
    much, little = Denoiser(2048).to(device), Denoiser(16).to(device)
    run(much, device, rows=1), run(little, device, rows=1)  # Kernels are loaded.
    slow, quick = run(much, device, rows=16384), run(little, device, rows=1)
    assert slow is not None and slow > 0.9
    assert quick is not None and quick < 0.1


@pytest.mark.gpu
def test_no_hook_stays_behind_also_after_an_error() -> None:
    denoiser = Denoiser(4)
    with pytest.raises(ZeroDivisionError), watch_host(denoiser, torch.device("cuda:0")):
        raise ZeroDivisionError
    assert not any(block._forward_hooks for block in denoiser.blocks)
