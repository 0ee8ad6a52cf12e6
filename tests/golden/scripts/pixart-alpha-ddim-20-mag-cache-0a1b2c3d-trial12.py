"""PixArt-alpha with DDIMScheduler in 20 steps, accelerated by MagCache.

Written by accelfront from what it measured:
    trial       12 of PixArt-alpha--DDIM--20--mag_cache--0a1b2c3d
    parameters  threshold=0.06, max_skip_steps=3, retention_ratio=0.2
    speedup     2.50x (95%: 2.40 to 2.60)
    latency     0.12 s a picture in batches of 4, 0.3 s without acceleration
    CLIP loss   0.0123 (95%: -0.0020 to 0.0266)
    pictures    64 of 1024x1024 pixels, 4 at a time, float16, seeds from 0 on
    prompts     prompts.txt@76543210
    model       PixArt-alpha@89abcdef
    scorer      ViT-L-14:openai@01234567
    device      NVIDIA H100 80GB HBM3
    versions    python==3.11.9, driver==570.00, torch==2.13.0+cu130, diffusers==0.42.1,
                transformers==5.23.0, DeepCache==0.1.1, tgate==1.0.0, tomesd==0.1.3,
                open_clip_torch==3.3.0

Equal seeds give the pictures of that trial:
    python THIS_FILE --prompt "a red square" --out picture.png
The number of steps stays 20: MagCache's ratios were measured over these steps.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import torch
    from diffusers import DDIMScheduler, PixArtAlphaPipeline
    from diffusers.hooks import mag_cache
    from diffusers.hooks.hooks import CacheContext, HookRegistry, _set_cache_context
except ImportError as error:
    packages = (
        "torch==2.13.0",
        "diffusers==0.42.1",
        "transformers==5.23.0",
    )
    sys.exit(f"{error}; this script needs: pip install {' '.join(packages)}")

STUDY = "PixArt-alpha--DDIM--20--mag_cache--0a1b2c3d"
TRIAL = 12

MODEL = (
    # Where it was when this was written; --model names another place.
    "PixArt-alpha/PixArt-XL-2-1024-MS"
)

STEPS = 20
GUIDANCE_SCALE = 4.5
HEIGHT, WIDTH = 1024, 1024
BATCH = 4


def apply_mag_cache(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    mag_ratios: tuple[float, ...],
    threshold: float,
    max_skip_steps: int,
    retention_ratio: float,
) -> Callable[..., Any]:
    """Skip all blocks where the model's known ratios promise little error."""
    module = getattr(pipe, denoiser)
    config = mag_cache.MagCacheConfig(
        threshold=threshold,
        max_skip_steps=max_skip_steps,
        retention_ratio=retention_ratio,
        num_inference_steps=len(mag_ratios),
        mag_ratios=list(mag_ratios),
    )
    with_text_outputs(module)
    mag_cache.apply_mag_cache(module, config)
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
    pipe.scheduler = DDIMScheduler.from_config(
        pipe.scheduler.config,
        # Settings of the pipeline's own scheduler that are not this one's defaults.
        clip_sample=False,
        timestep_spacing="linspace",
    )


def load_plain(model: str, device: str) -> Any:
    """Load the pipeline as it was measured, without acceleration.

    Args:
        model: A folder in diffusers layout, or an address on the Hugging Face Hub.
        device: cpu, cuda or cuda:N. Weights are float16 on CUDA, otherwise float32.
    """
    pipe = PixArtAlphaPipeline.from_pretrained(
        model,
        dtype=torch.float16 if device.startswith("cuda") else torch.float32,
        use_safetensors=True,
    )
    use_scheduler(pipe)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device)
    return pipe


def patch(pipe: Any, generate: Any) -> Any:
    """Patch a pipe, and return the call that generates with the patch."""
    generate = apply_mag_cache(
        pipe,
        generate,
        denoiser="transformer",
        mag_ratios=(
            1.0,
            1.21094,
            1.07812,
            1.0625,
            1.03125,
            1.03906,
            1.03125,
            1.02344,
            0.98047,
            1.00781,
            1.0,
            1.0,
            1.00781,
            1.0,
            0.99609,
            0.99609,
            0.98828,
            0.96484,
            0.93359,
            0.89062,
        ),
        threshold=0.06,
        max_skip_steps=3,
        retention_ratio=0.2,
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
        use_resolution_binning=False,
        clean_caption=False,
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
