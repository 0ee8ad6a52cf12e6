"""Capture each denoiser call of a generation as a CUDA graph, and replay the graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from accel_space.denoiser import map_tensors


def new_capture() -> SimpleNamespace:
    """Make an empty capture of one generation: its calls, and the tensors they read."""
    import torch

    pool = torch.cuda.graph_pool_handle()
    return SimpleNamespace(calls=[], inputs={}, draws=[], pool=pool)


def begin_generation(
    run: Any,
    kept: dict[Any, Any],
    scheduler: Any,
    module: Any,
    generators: Any,
    inputs: Any,
) -> None:
    """Check at the first call whether calls of this shape are captured already."""
    run.key = (tuple(scheduler.timesteps.tolist()), signature_of(inputs))
    if run.capturing is None:
        run.replaying = kept.get(run.key)
        module.replays = run.replaying is not None
    else:
        draws = [each for find in generators for each in find(module)]
        run.capturing.draws = [(each, each.get_state()) for each in draws]


def signature_of(inputs: Any) -> tuple[Any, ...]:
    """All that a captured call takes for granted: shapes, dtypes, and other values."""
    import torch

    if isinstance(inputs, dict):
        return tuple((key, signature_of(value)) for key, value in inputs.items())
    if isinstance(inputs, list | tuple):
        return tuple(map(signature_of, inputs))
    if torch.is_tensor(inputs):
        return (tuple(inputs.shape), inputs.dtype, inputs.device)
    return (type(inputs), repr(inputs))


def capture_call(
    capture: Any,
    forward: Callable[..., Any],
    scheduler: Any,
    inputs: Any,
) -> Any:
    """Capture one call, run it, and return what it predicts.

    A capture must not wait for the GPU, but methods read the timestep and look it up
    among the scheduler's. Meanwhile the host answers both.
    """
    import gc
    from itertools import count

    import torch

    place = count()

    def static(tensor: Any) -> Any:
        key = (next(place), tuple(tensor.shape), tensor.dtype)
        if key not in capture.inputs:
            capture.inputs[key] = torch.empty_like(tensor, device="cuda")
        held = capture.inputs[key]
        held.copy_(tensor)
        if tensor.numel() == 1:
            value = tensor.item()
            held.item = lambda: value
        return held

    args, kwargs = held = map_tensors(inputs, static)
    graph = torch.cuda.CUDAGraph()
    for generator, _ in capture.draws:
        graph.register_generator_state(generator)
    timesteps, collecting = scheduler.timesteps, gc.isenabled()
    usual = torch.cuda.get_rng_state()
    scheduler.timesteps = timesteps.cpu()
    # Collecting could free a tensor, which waits for the GPU as well.
    gc.disable()
    try:
        with (
            filling_numbers(),
            torch.cuda.graph(graph, capture.pool, capture_error_mode="thread_local"),
        ):
            output = forward(*args, **kwargs)
    except BaseException as error:
        mend_generator(usual)
        if not isinstance(error, Exception):
            raise
        call = f"call {len(capture.calls) + 1} of the denoiser"
        reason = str(error).split("\n")[0]
        raise RuntimeError(f"{call} cannot be captured: {reason}") from error
    finally:
        scheduler.timesteps = timesteps
        if collecting:
            gc.enable()
    capture.calls.append((graph, signature_of(inputs), held, output))
    graph.replay()
    return map_tensors(output, torch.clone)


@contextmanager
def filling_numbers() -> Iterator[None]:
    """Let `torch.as_tensor` fill in numbers on the device.

    A capture cannot copy from the host. Qwen-Image makes a prompt's length a tensor.
    """
    import torch

    usual = torch.as_tensor

    def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
        # Not subclasses such as NumPy's numbers, which have a dtype of their own.
        if type(data) in (bool, int, float):
            return torch.full((), data, dtype=dtype, device=device)
        return usual(data, dtype=dtype, device=device)

    torch.as_tensor = as_tensor
    try:
        yield
    finally:
        torch.as_tensor = usual


def replay_call(capture: Any, number: int, inputs: Any) -> Any:
    """Launch a captured call on new inputs, and return what it predicts."""
    import torch

    known = number < len(capture.calls)
    if not known or capture.calls[number][1] != signature_of(inputs):
        raise RuntimeError(
            f"call {number + 1} of the denoiser is not as it was when it was captured; "
            "generate without cuda_graph"
        )
    graph, _, held, output = capture.calls[number]
    if number == 0:
        for generator, state in capture.draws:
            generator.set_state(state)
    new: Iterator[Any] = iter(tensors_of(inputs))
    map_tensors(held, lambda tensor: tensor.copy_(next(new), non_blocking=True))
    graph.replay()
    return map_tensors(output, torch.clone)


def tensors_of(inputs: Any) -> list[Any]:
    """All tensors of an input, in their order."""
    found: list[Any] = []
    map_tensors(inputs, found.append)
    return found


def with_own_lists(args: Any, kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    """Copy the lists in a generation's arguments, so that a second one can use them.

    Z-Image writes its template into the list of prompts that it is given.
    """

    def own(value: Any) -> Any:
        return list(value) if isinstance(value, list) else value

    return list(map(own, args)), {name: own(value) for name, value in kwargs.items()}


def random_states(generator: Any) -> list[tuple[Callable[[Any], Any], Any]]:
    """Pair the setter of each random generator of a picture with its present state."""
    import torch

    given = generator if isinstance(generator, list) else filter(None, [generator])
    states: list[tuple[Callable[[Any], Any], Any]] = [
        (each.set_state, each.get_state()) for each in given
    ]
    return [
        *states,
        (torch.set_rng_state, torch.get_rng_state()),
        (torch.cuda.set_rng_state, torch.cuda.get_rng_state()),
    ]


def mend_generator(state: Any) -> None:
    """Detach the GPU's default generator from a capture that failed."""
    import torch

    usual = torch.cuda.default_generators[torch.cuda.current_device()]
    usual.graphsafe_set_state(torch.Generator("cuda").graphsafe_get_state())
    usual.set_state(state)
