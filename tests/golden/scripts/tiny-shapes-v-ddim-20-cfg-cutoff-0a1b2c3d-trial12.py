"""tiny-shapes-v with DDIMScheduler in 20 steps, accelerated by CFG cutoff.

Written by accelfront from what it measured:
    trial       12 of tiny-shapes-v--DDIM--20--cfg_cutoff--0a1b2c3d
    parameters  cutoff_step_index=8
    speedup     2.50x (95%: 2.40 to 2.60)
    latency     0.12 s a picture in batches of 4, 0.3 s without acceleration
    CLIP loss   0.0123 (95%: -0.0020 to 0.0266)
    pictures    32 of 64x64 pixels, 4 at a time, float16, seeds from 0 on
    prompts     prompts.txt@76543210
    model       tiny-shapes-v@89abcdef
    scorer      tiny-shapes@01234567
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
except ImportError as error:
    packages = (
        "torch==2.13.0",
        "diffusers==0.42.1",
        "transformers==5.23.0",
    )
    sys.exit(f"{error}; this script needs: pip install {' '.join(packages)}")

STUDY = "tiny-shapes-v--DDIM--20--cfg_cutoff--0a1b2c3d"
TRIAL = 12

MODEL = (
    # Where it was when this was written; --model names another place.
    "tiny-shapes-v"
)

STEPS = 20
GUIDANCE_SCALE = 14.5
HEIGHT, WIDTH = 64, 64


def find_denoiser(pipe: Any) -> Any:
    """The module that predicts the noise: the UNet, or the transformer in its place."""
    return pipe.unet if hasattr(pipe, "unet") else pipe.transformer


def conditional_half(value: Any, batch: int) -> Any:
    """Keep of a guided batch the half that is given the prompts; it is the second.

    Args:
        value: A tensor, or containers of tensors; what is not of this batch stays.
        batch: The guided batch's size, twice the number of pictures.
    """
    import torch

    if isinstance(value, dict):
        return {key: conditional_half(item, batch) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(conditional_half(item, batch) for item in value)
    if torch.is_tensor(value) and value.ndim > 0 and len(value) == batch:
        return value[batch // 2 :]
    return value


def cut_guidance_off(
    pipe: Any, guided_calls: int, halvers: list[Callable[[Any, int], None]]
) -> Callable[[], None]:
    """Guide a pipe's denoiser in its first calls, and halve the batch from then on.

    Args:
        pipe: The diffusers pipeline.
        guided_calls: How many calls are guided.
        halvers: What halves the caches of other methods, by pipe and guided batch.

    Returns:
        What must be called before each picture.
    """
    import torch

    denoiser = find_denoiser(pipe)
    forward = denoiser.forward
    calls = 0

    def cut_off(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls <= guided_calls:
            return forward(*args, **kwargs)
        batch = len(args[0])
        if calls == guided_calls + 1:
            for halve in halvers:
                halve(pipe, batch)
        args, kwargs = conditional_half(args, batch), conditional_half(kwargs, batch)
        (prediction,) = forward(*args, **kwargs)
        # Guiding between two equal predictions gives that one, at whatever scale.
        return (torch.cat([prediction, prediction]),)

    def restart() -> None:
        nonlocal calls
        calls = 0

    denoiser.forward = cut_off
    return restart


def load_pipeline(model: str, device: str) -> Any:
    """Load the pipeline and accelerate it.

    Args:
        model: A folder in diffusers layout, or an address on the Hugging Face Hub.
        device: cpu, cuda or cuda:N. Weights are float16 on CUDA, else float32.
    """
    pipe = StableDiffusionPipeline.from_pretrained(
        model,
        dtype=torch.float16 if device.startswith("cuda") else torch.float32,
        use_safetensors=True,
        safety_checker=None,
    )
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device)
    halvers = []
    restart = cut_guidance_off(pipe, 9, halvers)
    pipe.restart_guidance = restart
    return pipe


def generate(pipe: Any, prompts: list[str], seed: int, output_type: str = "pil") -> Any:
    """Draw one picture for each prompt, all of them together.

    Args:
        pipe: What `load_pipeline` returned.
        prompts: What to draw, at least one.
        seed: The picture of prompt i starts from noise of seed + i.
        output_type: pil for pictures; pt, np or latent as diffusers has them.
    """
    pipe.restart_guidance()
    # On the CPU, so that every device starts from the same noise.
    seeds = range(seed, seed + len(prompts))
    generators = [torch.Generator("cpu").manual_seed(each) for each in seeds]
    return pipe(
        prompt=list(prompts),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE_SCALE,
        height=HEIGHT,
        width=WIDTH,
        generator=generators,
        output_type=output_type,
    ).images


def main() -> None:
    """Draw one picture into a file."""
    parser = argparse.ArgumentParser(description="Draw a picture as the trial did.")
    parser.add_argument("--prompt", required=True, help="what to draw")
    parser.add_argument("--out", type=Path, required=True, help="a picture file")
    parser.add_argument("--seed", type=int, default=0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device, help="cpu, cuda or cuda:N")
    parser.add_argument("--model", default=MODEL, help="a folder or a Hub address")
    args = parser.parse_args()
    if args.out.suffix.lower() not in {".png", ".jpg", ".jpeg", ".webp"}:
        parser.error(f"--out names a .png, .jpg or .webp file, and {args.out} is none")
    if not args.out.parent.is_dir():
        parser.error(f"the folder {args.out.parent} does not exist; create it first")
    try:
        pipe = load_pipeline(args.model, args.device)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        parser.error(f"cannot load {args.model} on {args.device}: {reason}")
    generate(pipe, [args.prompt], args.seed)[0].save(args.out)


if __name__ == "__main__":
    main()
