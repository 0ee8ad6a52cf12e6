"""SDXL with DDIMScheduler in 20 steps, accelerated by DeepCache and T-GATE.

Written by accelfront from what it measured:
    trial       12 of SDXL--DDIM--20--deepcache+tgate--0a1b2c3d
    parameters  cache_interval=3, cache_branch_id=0, gate_step=10, sp_interval=1,
                fi_interval=1, warm_up=0
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
The number of steps stays 20: T-GATE's gate stands at one of these steps.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from inspect import signature, unwrap
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

try:
    import tgate
    import torch
    from diffusers import DDIMScheduler, StableDiffusionXLPipeline
except ImportError as error:
    packages = (
        "torch==2.13.0",
        "diffusers==0.42.1",
        "transformers==5.23.0",
        "tgate==1.0.0",
    )
    sys.exit(f"{error}; this script needs: pip install {' '.join(packages)}")

STUDY = "SDXL--DDIM--20--deepcache+tgate--0a1b2c3d"
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
LOADERS = {
    "StableDiffusionPipeline": "TgateSD",
    "StableDiffusionXLPipeline": "TgateSDXL",
    "PixArtAlphaPipeline": "TgatePixArtAlpha",
    "PixArtSigmaPipeline": "TgatePixArtSigma",
}


def apply_tgate(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    gate_step: int,
    sp_interval: int,
    fi_interval: int,
    warm_up: int,
    cache_interval: int = 0,
    cache_branch_id: int = 0,
) -> Callable[..., Any]:
    """Guide and attend to the prompt before `gate_step`; an interval adds DeepCache."""
    names = [kind.__name__ for kind in type(pipe).__mro__]
    loader = next(LOADERS[name] for name in names if name in LOADERS)
    if cache_interval:
        load = getattr(tgate, f"{loader}DeepCacheLoader")
        load(pipe, cache_interval=cache_interval, cache_branch_id=cache_branch_id)
    else:
        getattr(tgate, f"{loader}Loader")(pipe)
    pipe.tgate = without_registering_replays(pipe.tgate)
    calls = (type(pipe).__call__, pipe.tgate)
    accepted = set.intersection(*(set(signature(call).parameters) for call in calls))

    def gated(*args: Any, **kwargs: Any) -> Any:
        # tgate swallows what it does not know, and is a copy of an older call.
        unknown = sorted(kwargs.keys() - accepted)
        if unknown:
            name = type(pipe).__name__
            raise TypeError(f"{name} with T-GATE takes no {unknown[0]!r}")
        if cache_interval:
            # DeepCache would count on from a call that failed after the gate.
            pipe.deepcache.start_timestep = None
        return pipe.tgate(
            *args,
            **kwargs,
            gate_step=gate_step,
            sp_interval=sp_interval,
            fi_interval=fi_interval,
            warm_up=warm_up,
        )

    return gated


def without_registering_replays(call: Any) -> Callable[..., Any]:
    """Keep tgate's call from replacing attentions before a call that is replayed.

    A replayed CUDA graph holds the attentions that were replaced during its capture.
    """
    function = unwrap(call.__func__)
    register = function.__globals__["register_forward"]

    def register_forward(model: Any, *args: Any, **kwargs: Any) -> None:
        if not getattr(model, "replays", False):
            register(model, *args, **kwargs)

    own = FunctionType(
        function.__code__,
        {**function.__globals__, "register_forward": register_forward},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    own.__kwdefaults__ = function.__kwdefaults__
    bound: Callable[..., Any] = MethodType(torch.no_grad()(own), call.__self__)
    return bound


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
    generate = apply_tgate(
        pipe,
        generate,
        gate_step=10,
        sp_interval=1,
        fi_interval=1,
        warm_up=0,
        cache_interval=3,
        cache_branch_id=0,
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
        num_inference_steps=STEPS,
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
    size = (WIDTH, HEIGHT)
    parser.add_argument("--size", type=read_size, default=size, metavar="WIDTHxHEIGHT")
    parser.add_argument("--device", help="cpu, cuda or cuda:N")
    parser.add_argument("--model", default=MODEL, help="a folder or a Hub address")
    args = parser.parse_args()
    if args.out.suffix.lower() not in {".png", ".jpg", ".jpeg", ".webp"}:
        parser.error(f"--out names a .png, .jpg or .webp file, and {args.out} is none")
    if not args.out.parent.is_dir():
        parser.error(f"the folder {args.out.parent} does not exist; create it first")
    if args.batch < 1:
        parser.error("--batch is at least 1")
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
            height=args.size[1],
            width=args.size[0],
        )
        for number, picture in enumerate(pictures, start + 1):
            stem = args.out.stem + (f"-{number}" if len(prompts) > 1 else "")
            picture.save(args.out.with_stem(stem))


if __name__ == "__main__":
    main()
