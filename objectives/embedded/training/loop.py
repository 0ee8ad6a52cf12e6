"""What all trainings share: optimizer step, CUDA graph, schedule, weight average."""

import copy
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

EAGER_STEPS: Final = 3
"""Steps taken before a CUDA graph is captured, as the allocator and cuBLAS need a warm start."""


@dataclass(frozen=True)
class Budget:
    """How long a training runs.

    Attributes:
        steps: Optimizer steps.
        batch: Samples per step.
        peak_lr: Highest learning rate, reached after the warm-up.
        warmup: Steps of linear warm-up.
        seconds: Wall-clock limit. If it is reached first, the learning rate falls with the time
            instead of the steps, so that the training always ends annealed; the result depends on
            the machine's speed.
        decay: Upper limit of the weight average's decay.
    """

    steps: int
    batch: int
    peak_lr: float = 1e-3
    warmup: int = 200
    seconds: float = math.inf
    decay: float = 0.999

    def learning_rate(self, step: int, elapsed: float) -> float:
        """Return the learning rate of a step: linear warm-up, then a cosine down to 1%."""
        progress = min(1.0, max(step / self.steps, elapsed / self.seconds))
        cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))
        return self.peak_lr * min(1.0, (step + 1) / self.warmup) * cosine


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended: steps taken, seconds, and the mean loss of its last tenth."""

    steps: int
    seconds: float
    loss: float


class GraphedStep:
    """Runs a function of tensors; on CUDA from the fourth call on as one replayed graph.

    At this width a step is hundreds of tiny kernels, and Python is the cost. The function must
    not look at the values of tensors, and all its inputs keep their shapes.
    """

    def __init__(self, function: Callable[[Mapping[str, Tensor]], Tensor]) -> None:
        """Take the function; nothing is captured before it is called."""
        self._function = function
        self._inputs: dict[str, Tensor] = {}
        self._output = torch.empty(0)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._calls = 0

    def __call__(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Run the function on the inputs; the returned tensor is overwritten by the next call."""
        if next(iter(inputs.values())).device.type != "cuda":
            return self._function(inputs)
        for name, value in inputs.items():
            self._inputs.setdefault(name, torch.empty_like(value)).copy_(value)
        self._calls += 1
        if self._calls <= EAGER_STEPS:
            return self._on_side_stream()
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._output = self._function(self._inputs)
        self._graph.replay()
        return self._output

    def _on_side_stream(self) -> Tensor:
        stream: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            output = self._function(self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        return output


def fit(
    modules: nn.ModuleDict,
    loss_of: Callable[[Mapping[str, Tensor]], Tensor],
    batches: Callable[[int], Mapping[str, Tensor]],
    budget: Budget,
    name: str,
) -> tuple[nn.ModuleDict, TrainingResult]:
    """Train modules with AdamW and return the running average of their weights.

    Args:
        modules: The modules to train; all on one device.
        loss_of: Loss of a batch, a scalar; computed in bfloat16 autocast on CUDA.
        batches: Makes the batch of a step, with the same names and shapes every time.
        budget: Steps, batch size, learning rate and limits.
        name: The name in the progress messages on stderr.

    Returns:
        The averaged copy of the modules, and how the training went.

    Raises:
        FloatingPointError: If the loss becomes NaN or infinite.
    """
    parameters: list[Tensor] = [p for p in modules.parameters() if p.requires_grad]
    device = parameters[0].device
    cuda = device.type == "cuda"
    rate = torch.zeros((), device=device)
    optimizer = torch.optim.AdamW(
        parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True, capturable=cuda
    )

    def update(inputs: Mapping[str, Tensor]) -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        # The graph would read a cached cast after its memory has gone.
        with torch.autocast(device.type, torch.bfloat16, enabled=cuda, cache_enabled=False):
            loss = loss_of(inputs)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return loss.detach()

    step_on = GraphedStep(update)
    average = copy.deepcopy(modules).requires_grad_(False)
    couples = zip(average.parameters(), modules.parameters(), strict=True)
    averaged: list[Tensor] = [mean for mean, p in couples if p.requires_grad]
    start = time.monotonic()
    tail, tail_steps, step = torch.zeros((), device=device), 0, 0
    for step in range(1, budget.steps + 1):
        elapsed = time.monotonic() - start
        if elapsed >= budget.seconds:
            break
        rate.fill_(budget.learning_rate(step - 1, elapsed))
        loss = step_on(batches(step))
        with torch.no_grad():
            keep = min(budget.decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(averaged, parameters, 1 - keep)
        if max(step / budget.steps, elapsed / budget.seconds) > 0.9:
            tail, tail_steps = tail + loss, tail_steps + 1
        if step % max(1, budget.steps // 20) == 0:
            if not torch.isfinite(loss):
                raise FloatingPointError(f"{name} diverged before step {step}; lower its peak_lr")
            print(f"{name} {step}/{budget.steps} loss {float(loss):.4f} {elapsed:.0f}s",
                  file=sys.stderr, flush=True)  # fmt: skip
    seconds = time.monotonic() - start
    return average, TrainingResult(step, seconds, float(tail) / max(1, tail_steps))
