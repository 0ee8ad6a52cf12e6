"""SDXL with DDIMScheduler in 20 steps, accelerated by DeepCache, compile and CUDA
graphs.

Written by accelfront from what it measured:
    trial       12 of SDXL--DDIM--20--deepcache+compile+cuda_graph--0a1b2c3d
    parameters  parts=1, cache_interval=3, cache_branch_id=0
    speedup     2.50x (95%: 2.40 to 2.60)
    latency     0.12 s a picture in batches of 4, 0.3 s without acceleration
    CLIP loss   0.0123 (95%: -0.0020 to 0.0266)
    pictures    64 of 1024x1024 pixels, 4 at a time, float16, seeds from 0 on
    prompts     prompts.txt@76543210
    model       SDXL@89abcdef
    scorer      ViT-L-14:openai@01234567
    device      NVIDIA H100 80GB HBM3
    versions    python==3.11.9, driver==570.00, torch==2.13.0+cu130, diffusers==0.42.1,
                transformers==5.23.0, DeepCache==0.1.1, tgate==1.0.0, tomesd==0.1.3,
                open_clip_torch==3.3.0

Equal seeds give the pictures of that trial:
    python THIS_FILE --prompt "a red square" --out picture.png
"""

from __future__ import annotations

import argparse
import sys
import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Lock
from types import MethodType, SimpleNamespace
from typing import Any

try:
    import torch
    import torch._dynamo
    from DeepCache import DeepCacheSDHelper
    from diffusers import DDIMScheduler, StableDiffusionXLPipeline
except ImportError as error:
    packages = (
        "torch==2.13.0",
        "diffusers==0.42.1",
        "transformers==5.23.0",
        "DeepCache==0.1.1",
    )
    sys.exit(f"{error}; this script needs: pip install {' '.join(packages)}")

STUDY = "SDXL--DDIM--20--deepcache+compile+cuda_graph--0a1b2c3d"
TRIAL = 12

MODEL = (
    # Where it was when this was written; --model names another place.
    "stabilityai/stable-diffusion-xl-base-1.0"
)
VARIANT = "fp16"

STEPS = 20
GUIDANCE_SCALE = 5.0
HEIGHT, WIDTH = 1024, 1024
BATCH = 4
BLOCKS = ("ResnetBlock2D", "BasicTransformerBlock", "JointTransformerBlock")
MOST_VARIANTS = 256
MOST_CAPTURES = 4


def apply_compile(
    pipe: Any, generate: Callable[..., Any], *, denoiser: str, parts: int
) -> Callable[..., Any]:
    """Compile the denoiser's blocks, and the VAE's decoder if `parts` is 2."""
    module = getattr(pipe, denoiser)
    names = {*BLOCKS, *(getattr(module, "_repeated_blocks", None) or ())}
    blocks = [each for each in module.modules() if type(each).__name__ in names]
    held = [*(blocks if parts else []), *([pipe.vae.decoder] if parts > 1 else [])]
    for block in held:
        block.forward = torch.compile(block.forward, dynamic=False)
    if held:
        logger = logging.getLogger("accelfront")
        logger.info("compiling %d blocks at their first call", len(held))

    def generate_compiled(*args: Any, **kwargs: Any) -> Any:
        limits = {
            "recompile_limit": MOST_VARIANTS,
            "accumulated_recompile_limit": 16 * MOST_VARIANTS,
        }
        with torch._dynamo.config.patch(limits):
            return generate(*args, **kwargs)

    return generate_compiled


def apply_deepcache(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    cache_interval: int,
    cache_branch_id: int,
) -> Callable[..., Any]:
    """Recompute the UNet's deep part at every `cache_interval`-th step only."""
    # The helper looks for a `unet`, whatever the pipeline calls it.
    parts = SimpleNamespace(unet=getattr(pipe, denoiser), scheduler=pipe.scheduler)
    helper = DeepCacheSDHelper(pipe=parts)
    helper.set_params(cache_interval=cache_interval, cache_branch_id=cache_branch_id)
    helper.enable()
    # Where tgate's combined loader leaves its helper too.
    pipe.deepcache = helper
    return generate


def apply_cuda_graph(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    generators: list[Callable[[Any], list[Any]]],
    captures: dict[Any, Any] | None = None,
) -> Callable[..., Any]:
    """Capture all denoiser calls of a shape's first generation, and replay them later.

    The methods below make their Python decisions during the capture, and a call leaves
    its results where the graphs of later calls read them. One generation at a time.
    """
    module = getattr(pipe, denoiser)
    kept = {} if captures is None else captures
    lock = Lock()
    logger = logging.getLogger("accelfront")
    run = SimpleNamespace(calls=0, key=None, capturing=None, replaying=None)
    inner = type(module)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        inputs = (args, kwargs)
        if run.calls == 0:
            begin_generation(run, kept, pipe.scheduler, module, generators, inputs)
        if run.replaying is not None:
            output = replay_call(run.replaying, run.calls, inputs)
        elif run.capturing is not None:
            forward = MethodType(inner.__call__, self)
            output = capture_call(run.capturing, forward, pipe.scheduler, inputs)
        else:
            output = inner.__call__(self, *args, **kwargs)
        run.calls += 1
        return output

    def generate_once(*args: Any, **kwargs: Any) -> Any:
        run.calls, run.replaying, module.replays = 0, None, False
        given, named = with_own_lists(args, kwargs)
        try:
            return generate(*given, **named)
        finally:
            module.replays = False

    def generate_captured(*args: Any, **kwargs: Any) -> Any:
        with lock, torch.cuda.device(module.device):
            random = random_states(kwargs.get("generator"))
            pictures = generate_once(*args, **kwargs)
            if run.replaying is not None:
                kept[run.key] = kept.pop(run.key)
                return pictures
            # That was the warm-up: kernels are loaded and chosen, and blocks compiled.
            logger.info("capturing %d calls of the denoiser", run.calls)
            for restore, state in random:
                restore(state)
            while len(kept) >= MOST_CAPTURES:
                kept.pop(next(iter(kept)))
            run.capturing = new_capture()
            try:
                generate_once(*args, **kwargs)
                kept[run.key] = run.capturing
            finally:
                run.capturing = None
            return pictures

    module.__class__ = type(inner.__name__, (inner,), {"__call__": call})
    return generate_captured


def with_own_lists(args: Any, kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    """Copy the lists in a generation's arguments, so that a second one can use them.

    Z-Image writes its template into the list of prompts that it is given.
    """

    def own(value: Any) -> Any:
        return list(value) if isinstance(value, list) else value

    return list(map(own, args)), {name: own(value) for name, value in kwargs.items()}


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
    if isinstance(inputs, dict):
        return tuple((key, signature_of(value)) for key, value in inputs.items())
    if isinstance(inputs, list | tuple):
        return tuple(map(signature_of, inputs))
    if torch.is_tensor(inputs):
        return (tuple(inputs.shape), inputs.dtype, inputs.device)
    return (type(inputs), repr(inputs))


def replay_call(capture: Any, number: int, inputs: Any) -> Any:
    """Launch a captured call on new inputs, and return what it predicts."""
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


def map_tensors(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change a tensor, or all tensors in containers; other values stay."""
    if isinstance(value, dict):
        return {key: map_tensors(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map_tensors(item, change) for item in value)
    return change(value) if torch.is_tensor(value) else value


def tensors_of(inputs: Any) -> list[Any]:
    """All tensors of an input, in their order."""
    found: list[Any] = []
    map_tensors(inputs, found.append)
    return found


def random_states(generator: Any) -> list[tuple[Callable[[Any], Any], Any]]:
    """Pair the setter of each random generator of a picture with its present state."""
    given = generator if isinstance(generator, list) else filter(None, [generator])
    states: list[tuple[Callable[[Any], Any], Any]] = [
        (each.set_state, each.get_state()) for each in given
    ]
    return [
        *states,
        (torch.set_rng_state, torch.get_rng_state()),
        (torch.cuda.set_rng_state, torch.cuda.get_rng_state()),
    ]


def new_capture() -> SimpleNamespace:
    """Make an empty capture of one generation: its calls, and the tensors they read."""
    pool = torch.cuda.graph_pool_handle()
    return SimpleNamespace(calls=[], inputs={}, draws=[], pool=pool)


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


def mend_generator(state: Any) -> None:
    """Detach the GPU's default generator from a capture that failed."""
    usual = torch.cuda.default_generators[torch.cuda.current_device()]
    usual.graphsafe_set_state(torch.Generator("cuda").graphsafe_get_state())
    usual.set_state(state)


def use_scheduler(pipe: Any) -> None:
    """Give a pipe the scheduler that was measured."""
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)


def load_plain(model: str, device: str) -> Any:
    """Load the pipeline as it was measured, without acceleration.

    Args:
        model: A folder in diffusers layout, or an address on the Hugging Face Hub.
        device: cuda or cuda:N. Weights are float16 on CUDA, otherwise float32.
    """
    folder = Path(model)
    plain = folder.is_dir() and not any(folder.glob(f"*/*.{VARIANT}.safetensors"))
    pipe = StableDiffusionXLPipeline.from_pretrained(
        model,
        dtype=torch.float16 if device.startswith("cuda") else torch.float32,
        variant=None if plain else VARIANT,
        use_safetensors=True,
        add_watermarker=False,
    )
    use_scheduler(pipe)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device)
    return pipe


def patch(pipe: Any, generate: Any) -> Any:
    """Patch a pipe, and return the call that generates with the patch."""
    generate = apply_compile(pipe, generate, denoiser="unet", parts=1)
    generate = apply_deepcache(
        pipe,
        generate,
        denoiser="unet",
        cache_interval=3,
        cache_branch_id=0,
    )
    generate = apply_cuda_graph(pipe, generate, denoiser="unet", generators=[])
    return generate


def load_pipeline(model: str, device: str) -> Any:
    """Load the pipeline and accelerate it; the arguments are those of `load_plain`."""
    if not device.startswith("cuda"):
        raise ValueError("this script captures CUDA graphs; give --device cuda")
    pipe = load_plain(model, device)
    pipe.accelerated = patch(pipe, pipe)
    return pipe


def default_device() -> str:
    """The device to use if none is named."""
    if not torch.cuda.is_available():
        raise ValueError(
            "this was measured on a GPU, and torch sees none here; "
            "it captures CUDA graphs, so run it where there is one"
        )
    return "cuda"


def generate(
    pipe: Any,
    prompts: list[str],
    seed: int,
    output_type: str = "pil",
    negative_prompt: str = "",
    steps: int = STEPS,
    height: int = HEIGHT,
    width: int = WIDTH,
) -> Any:
    """Draw one picture for each prompt, all of them together.

    The first call for a number of prompts warms up: it takes longer, and logs that.
    One call runs at a time, and a call from another thread waits for it.

    Args:
        pipe: What `load_pipeline` returned.
        prompts: What to draw, at least one.
        seed: The picture of prompt i starts from noise of seed + i.
        output_type: pil for pictures; pt, np or latent as in diffusers.
        negative_prompt: What to guide away from; empty for nothing.
        steps: num_inference_steps; another number was not measured.
        height: In pixels; another size was not measured.
        width: In pixels.
    """
    # On the CPU, so that every device starts from the same noise.
    seeds = range(seed, seed + len(prompts))
    generators = [torch.Generator("cpu").manual_seed(each) for each in seeds]
    # Without one, pass none: some pipelines then need not encode an empty one.
    negative = [negative_prompt] * len(prompts)
    given = {"negative_prompt": negative} if negative_prompt else {}
    return pipe.accelerated(
        prompt=list(prompts),
        **given,
        num_inference_steps=steps,
        guidance_scale=GUIDANCE_SCALE,
        height=height,
        width=width,
        generator=generators,
        output_type=output_type,
    ).images


def read_prompts(args: Any, parser: Any) -> list[str]:
    """The prompts of the command line, then those of the file, one per line."""
    prompts = list(args.prompt)
    if args.prompts:
        try:
            lines = args.prompts.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            parser.error(f"cannot read {args.prompts}: {error}")
        prompts += [line.strip() for line in lines if line.strip()]
    if not prompts:
        parser.error("there is nothing to draw; give --prompt or --prompts")
    return prompts


def read_size(text: str) -> tuple[int, int]:
    """Width and height of a text such as 1024x1024."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def main() -> None:
    """Draw pictures into files."""
    parser = argparse.ArgumentParser(description="Draw pictures as the trial did.")
    parser.add_argument("--prompt", action="append", default=[], help="may be repeated")
    parser.add_argument("--prompts", type=Path, help="a file with one prompt per line")
    parser.add_argument("--out", type=Path, required=True, help="x.png, or x-1.png ...")
    parser.add_argument("--seed", type=int, default=0, help="of the first prompt")
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--batch", type=int, default=BATCH, help="pictures at a time")
    parser.add_argument("--steps", type=int, default=STEPS)
    size = (WIDTH, HEIGHT)
    parser.add_argument("--size", type=read_size, default=size, metavar="WIDTHxHEIGHT")
    parser.add_argument("--device", help="cuda or cuda:N")
    parser.add_argument("--model", default=MODEL, help="a folder or a Hub address")
    args = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("accelfront").setLevel(logging.INFO)
    if args.out.suffix.lower() not in {".png", ".jpg", ".jpeg", ".webp"}:
        parser.error(f"--out names a .png, .jpg or .webp file, and {args.out} is none")
    if not args.out.parent.is_dir():
        parser.error(f"the folder {args.out.parent} does not exist; create it first")
    if args.batch < 1 or args.steps < 1:
        parser.error("--batch and --steps are at least 1")
    prompts = read_prompts(args, parser)
    try:
        device = args.device or default_device()
    except ValueError as error:
        parser.error(str(error))
    try:
        pipe = load_pipeline(args.model, device)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        parser.error(f"cannot load {args.model} on {device}: {reason}")
    for start in range(0, len(prompts), args.batch):
        pictures = generate(
            pipe,
            prompts[start : start + args.batch],
            args.seed + start,
            negative_prompt=args.negative_prompt,
            steps=args.steps,
            height=args.size[1],
            width=args.size[0],
        )
        for number, picture in enumerate(pictures, start + 1):
            stem = args.out.stem + (f"-{number}" if len(prompts) > 1 else "")
            picture.save(args.out.with_stem(stem))


if __name__ == "__main__":
    main()
