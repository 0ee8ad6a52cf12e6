"""SD1.5 with DDIMScheduler in 20 steps, accelerated by TaylorSeer.

Written by accelfront from what it measured:
    trial       12 of SD1.5--DDIM--20--taylorseer--0a1b2c3d
    parameters  cache_interval=5, disable_cache_before_step=3, max_order=1
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline
    from diffusers.hooks.hooks import CacheContext, HookRegistry, _set_cache_context
    from diffusers.hooks.taylorseer_cache import (
        TaylorSeerCacheConfig,
        apply_taylorseer_cache,
    )
    from torch.nn import ModuleList
except ImportError as error:
    packages = (
        "torch==2.13.0",
        "diffusers==0.42.1",
        "transformers==5.23.0",
    )
    sys.exit(f"{error}; this script needs: pip install {' '.join(packages)}")

STUDY = "SD1.5--DDIM--20--taylorseer--0a1b2c3d"
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


def apply_taylorseer(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    blocks: tuple[str, ...],
    cache_interval: int,
    disable_cache_before_step: int,
    max_order: int,
) -> Callable[..., Any]:
    """Compute the blocks every `cache_interval` calls, and predict them in between."""
    module = getattr(pipe, denoiser)
    names = []
    for name in blocks:
        held = getattr(module, name)
        several = isinstance(held, ModuleList)
        names += [f"{name}.{at}" for at in range(len(held))] if several else [name]
    *others, last = names
    config = TaylorSeerCacheConfig(
        cache_interval=cache_interval,
        disable_cache_before_step=disable_cache_before_step,
        max_order=max_order,
        # The default, bfloat16, would round the results of a finer pipe.
        taylor_factors_dtype=module.dtype,
        # Only the last block's output reaches the picture; the others keep nothing.
        cache_identifiers=[last],
        skip_predict_identifiers=others,
    )
    with_text_outputs(module)
    apply_taylorseer_cache(module, config)
    return with_new_states(module, generate)


def with_text_outputs(denoiser: Any) -> None:
    """Let every block pass on the prompt's part, because the hooks expect one.

    The last block of Stable Diffusion 3 computes none, because nothing reads it.
    """

    def with_text(forward: Callable[..., Any]) -> Callable[..., Any]:
        def forward_with_text(*args: Any, **kwargs: Any) -> Any:
            text, picture = forward(*args, **kwargs)
            return kwargs["encoder_hidden_states"] if text is None else text, picture

        return forward_with_text

    for block in getattr(denoiser, "transformer_blocks", ()):
        if getattr(block, "context_pre_only", False):
            block.forward = with_text(block.forward)


def with_new_states(denoiser: Any, generate: Callable[..., Any]) -> Callable[..., Any]:
    """Make a call that empties the hooks' states before each picture.

    The hooks keep one state per context. A pipeline that names no context needs only
    one for all calls, because each call holds both halves of a guided batch.
    """
    registry = HookRegistry.check_if_exists_or_initialize(denoiser)
    # A pipeline that names contexts may have listed the hooks before there were any.
    registry.invalidate_child_registries_cache()

    def generate_anew(*args: Any, **kwargs: Any) -> Any:
        registry.reset_stateful_hooks()
        _set_cache_context(denoiser, CacheContext("cond_uncond"))
        return generate(*args, **kwargs)

    return generate_anew


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
    generate = apply_taylorseer(
        pipe,
        generate,
        denoiser="unet",
        blocks=("mid_block", "up_blocks"),
        cache_interval=5,
        disable_cache_before_step=3,
        max_order=1,
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
