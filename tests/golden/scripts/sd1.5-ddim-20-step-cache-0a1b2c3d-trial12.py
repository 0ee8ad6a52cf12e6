"""SD1.5 with DDIMScheduler in 20 steps, accelerated by step cache.

Written by accelfront from what it measured:
    trial       12 of SD1.5--DDIM--20--step_cache--0a1b2c3d
    parameters  interval=3, power=1, centre=0, order=0, kept_layers=1
    speedup     2.50x (95%: 2.40 to 2.60)
    latency     0.12 s a picture in batches of 8, 0.3 s without acceleration
    CLIP loss   0.0123 (95%: -0.0020 to 0.0266)
    pictures    64 of 512x512 pixels, 8 at a time, float16, seeds from 0 on
    prompts     prompts.txt@76543210
    model       SD1.5@89abcdef
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
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

try:
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline
except ImportError as error:
    packages = (
        "torch==2.13.0",
        "diffusers==0.42.1",
        "transformers==5.23.0",
    )
    sys.exit(f"{error}; this script needs: pip install {' '.join(packages)}")

STUDY = "SD1.5--DDIM--20--step_cache--0a1b2c3d"
TRIAL = 12

MODEL = (
    # Where it was when this was written; --model names another place.
    "stable-diffusion-v1-5/stable-diffusion-v1-5"
)
VARIANT = "fp16"

STEPS = 20
GUIDANCE_SCALE = 7.5
HEIGHT, WIDTH = 512, 512
BATCH = 8


def apply_step_cache(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    blocks: tuple[str, ...],
    interval: float,
    power: float,
    centre: float,
    order: int,
    kept_layers: int,
) -> Callable[..., Any]:
    """Run the chosen calls in full, and predict the deep layers at the others."""
    module = getattr(pipe, denoiser)
    state = SimpleNamespace(call=0, places=[], full=True, known=[], before=None)
    module.step_cache = state

    def begin(*_: Any) -> None:
        if state.call == 0:
            calls = len(pipe.scheduler.timesteps)
            state.places = full_calls(calls, interval, power, centre)
        state.full = state.call in state.places

    def end(*_: Any) -> None:
        state.call += 1

    def keep(value: Any) -> None:
        state.known = [*state.known, (state.call, value)][-(order + 1) :]

    def predicted() -> Any:
        weights = weights_at(state.call, [call for call, _ in state.known])
        values = [value for _, value in state.known]
        parts = [each * value for each, value in zip(weights, values, strict=True)]
        return sum(parts[1:], parts[0])

    module.register_forward_pre_hook(begin)
    module.register_forward_hook(end)
    if kept_layers < 0:
        skip_denoiser(module, state, keep, predicted)
    elif hasattr(module, "down_blocks"):
        skip = unet_skipper(state, keep, predicted)
        skip_way_down(module, kept_layers, skip)
        skip_way_up(module, kept_layers, skip)
    else:
        row = [block for name in blocks for block in getattr(module, name)]
        skip_blocks(row, kept_layers, state, keep, predicted)

    def generate_anew(*args: Any, **kwargs: Any) -> Any:
        state.call, state.known, state.before = 0, [], None
        return generate(*args, **kwargs)

    return generate_anew


def weights_at(call: int, known: Sequence[int]) -> list[float]:
    """Weigh the known values so that their sum is their polynomial at another call.

    This is Lagrange's formula; the weights add up to 1.
    """
    found = []
    for one in known:
        weight = 1.0
        for other in known:
            if other != one:
                weight *= (call - other) / (one - other)
        found.append(weight)
    return found


def skip_denoiser(
    denoiser: Any,
    state: Any,
    keep: Callable[[Any], None],
    predicted: Callable[[], Any],
) -> None:
    """Skip the whole denoiser, and return the prediction as its output."""
    forward, lists = denoiser.forward, False

    def run(*args: Any, **kwargs: Any) -> Any:
        nonlocal lists
        if not state.full:
            given = predicted()
            return (list(given) if lists else given,)
        output = forward(*args, **kwargs)
        lists = isinstance(output[0], list)
        keep(torch.stack(output[0]) if lists else output[0])
        return output

    denoiser.forward = run


def full_calls(calls: int, interval: float, power: float, centre: float) -> list[int]:
    """List the calls that run in full, ascending; call 0 is always one of them.

    Args:
        calls: Number of calls in one generation.
        interval: One call in so many runs in full; 1 or more.
        power: How much denser full calls are near the centre; 1 is even.
        centre: Where they are densest, from 0, the first call, to 1, the last.
    """
    count = ceil(calls / interval - 1e-9)
    places: list[int] = []
    for number in range(count):
        share = number * interval / calls
        reach = 1 - centre if share >= centre else centre
        bent = reach * (abs(share - centre) / reach) ** power if reach else 0.0
        at = ceil(calls * (centre + (bent if share >= centre else -bent)) - 1e-9)
        # Each takes a place of its own, and leaves one for each full call to come.
        first = places[-1] + 1 if places else 0
        places.append(min(max(at, first), calls - (count - number)))
    return places


def unet_skipper(
    state: Any, keep: Callable[[Any], None], predicted: Callable[[], Any]
) -> Callable[..., None]:
    """Make a function that skips a module of a UNet at all calls but the full ones."""

    def skip(held: Any, instead: Callable[[Any], Any], is_edge: bool = False) -> None:
        forward = held.forward

        def run(*args: Any, **kwargs: Any) -> Any:
            if not state.full:
                return instead(predicted() if is_edge else picture_given(args, kwargs))
            output = forward(*args, **kwargs)
            if is_edge:
                keep(output[0] if isinstance(output, tuple) else output)
            return output

        held.forward = run

    return skip


def picture_given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The picture's part of a layer's arguments: given by keyword, or first."""
    return kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]


def skip_way_down(unet: Any, kept_layers: int, skip: Callable[..., None]) -> None:
    """Skip all but `kept_layers` layers of a UNet's way down; downsamplers count."""
    left = kept_layers
    for block in unet.down_blocks:
        layers, samplers = len(block.resnets), block.downsamplers or ()
        count = layers + len(samplers)

        def with_layers(hidden: Any, count: int = count) -> Any:
            # Only layers that are skipped as well read what goes to the way up.
            return hidden, (hidden,) * count

        if left <= 0:
            skip(block, with_layers)
        else:
            for place in range(left, layers):
                skip_layer(block, place, skip)
            for sampler in samplers if left <= layers else ():
                skip(sampler, passed_on)
        left -= count


def skip_layer(block: Any, place: int, skip: Any, is_edge: bool = False) -> None:
    """Skip one resnet of a block, and its attention if it has one."""
    attentions = getattr(block, "attentions", None)
    skip(block.resnets[place], passed_on, is_edge=is_edge and not attentions)
    if attentions:
        skip(attentions[place], passed_on_alone, is_edge=is_edge)


def passed_on(hidden: Any) -> Any:
    """The output of a skipped layer: its input."""
    return hidden


def passed_on_alone(hidden: Any) -> Any:
    """The output of a skipped attention: its input, in a tuple of one."""
    return (hidden,)


def skip_way_up(unet: Any, kept_layers: int, skip: Callable[..., None]) -> None:
    """Skip the mid block, and the layers of the way up that no kept layer feeds.

    The way up has one layer more, for the input of the way down's first layer.
    """
    left = kept_layers + 1
    deep = [each for each in (unet.mid_block, *unet.up_blocks) if each is not None]
    while deep[-1] is not unet.mid_block and left >= len(deep[-1].resnets):
        left -= len(deep.pop().resnets)
    *whole, edge = deep
    for block in whole:
        skip(block, passed_on)
    if left == 0 or edge is unet.mid_block:
        skip(edge, passed_on, is_edge=True)
        return
    skipped = len(edge.resnets) - left
    for place in range(skipped):
        skip_layer(edge, place, skip, is_edge=place == skipped - 1)


def skip_blocks(
    row: Sequence[Any],
    kept_layers: int,
    state: Any,
    keep: Callable[[Any], None],
    predicted: Callable[[], Any],
) -> None:
    """Predict what the blocks after the kept ones add to the picture."""
    both: dict[int, bool] = {}

    def reusing(place: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            picture = picture_given(args, kwargs)
            if state.full:
                if place == kept_layers:
                    state.before = picture
                output = forward(*args, **kwargs)
                both[place] = isinstance(output, tuple)
                if place == len(row) - 1:
                    keep((output[1] if both[place] else output) - state.before)
                    state.before = None
                return output
            if place == kept_layers:
                picture = picture + predicted()
            # Where picture and prompt are joined, the prompt's part comes first.
            if both[place]:
                return kwargs["encoder_hidden_states"], picture
            return picture

        return run

    for place, block in enumerate(row):
        if place >= kept_layers:
            block.forward = reusing(place, block.forward)


def use_scheduler(pipe: Any) -> None:
    """Give a pipe the scheduler that was measured."""
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)


def load_plain(model: str, device: str) -> Any:
    """Load the pipeline as it was measured, without acceleration.

    Args:
        model: A folder in diffusers layout, or an address on the Hugging Face Hub.
        device: cpu, cuda or cuda:N. Weights are float16 on CUDA, otherwise float32.
    """
    folder = Path(model)
    plain = folder.is_dir() and not any(folder.glob(f"*/*.{VARIANT}.safetensors"))
    pipe = StableDiffusionPipeline.from_pretrained(
        model,
        dtype=torch.float16 if device.startswith("cuda") else torch.float32,
        variant=None if plain else VARIANT,
        use_safetensors=True,
        safety_checker=None,
    )
    use_scheduler(pipe)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device)
    return pipe


def patch(pipe: Any, generate: Any) -> Any:
    """Patch a pipe, and return the call that generates with the patch."""
    generate = apply_step_cache(
        pipe,
        generate,
        denoiser="unet",
        blocks=("mid_block", "up_blocks"),
        interval=3.0,
        power=1.0,
        centre=0.0,
        order=0,
        kept_layers=1,
    )
    return generate


def load_pipeline(model: str, device: str) -> Any:
    """Load the pipeline and accelerate it; the arguments are those of `load_plain`."""
    pipe = load_plain(model, device)
    pipe.accelerated = patch(pipe, pipe)
    return pipe


def default_device() -> str:
    """The device to use if none is named."""
    if not torch.cuda.is_available():
        raise ValueError(
            "this was measured on a GPU, and torch sees none here; "
            "--device cpu draws nevertheless, at another speed"
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
    """Width and height of a text such as 512x512."""
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
    parser.add_argument("--device", help="cpu, cuda or cuda:N")
    parser.add_argument("--model", default=MODEL, help="a folder or a Hub address")
    args = parser.parse_args()
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
