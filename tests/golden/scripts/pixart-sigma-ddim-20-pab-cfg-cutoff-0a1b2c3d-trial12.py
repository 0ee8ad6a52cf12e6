"""PixArt-Sigma with DDIMScheduler in 20 steps, accelerated by PAB and CFG cutoff.

Written by accelfront from what it measured:
    trial       12 of PixArt-Sigma--DDIM--20--pab+cfg_cutoff--0a1b2c3d
    parameters  spatial_attention_block_skip_range=2,
                cross_attention_block_skip_range=6, cutoff_step_index=8
    speedup     2.50x (95%: 2.40 to 2.60)
    latency     0.12 s a picture in batches of 4, 0.3 s without acceleration
    CLIP loss   0.0123 (95%: -0.0020 to 0.0266)
    pictures    64 of 1024x1024 pixels, 4 at a time, float16, seeds from 0 on
    prompts     prompts.txt@76543210
    model       PixArt-Sigma@89abcdef
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

try:
    import torch
    from diffusers import DDIMScheduler, PixArtSigmaPipeline
except ImportError as error:
    packages = (
        "torch==2.13.0",
        "diffusers==0.42.1",
        "transformers==5.23.0",
    )
    sys.exit(f"{error}; this script needs: pip install {' '.join(packages)}")

STUDY = "PixArt-Sigma--DDIM--20--pab+cfg_cutoff--0a1b2c3d"
TRIAL = 12

MODEL = (
    # Where it was when this was written; --model names another place.
    "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS"
)

STEPS = 20
GUIDANCE_SCALE = 4.5
HEIGHT, WIDTH = 1024, 1024


def find_denoiser(pipe: Any) -> Any:
    """The module that predicts the noise: the UNet, or the transformer in its place."""
    return pipe.unet if hasattr(pipe, "unet") else pipe.transformer


def broadcast_attention(
    pipe: Any,
    spatial_skip_range: int,
    cross_skip_range: int,
    timesteps: tuple[int, int],
) -> Callable[[], None]:
    """Compute a pipe's attentions only every so many steps.

    Args:
        pipe: The diffusers pipeline.
        spatial_skip_range: Self-attention is computed every so many steps.
        cross_skip_range: Cross-attention is computed every so many steps.
        timesteps: Attention is reused at timesteps between these two only.

    Returns:
        What must be called before each picture.
    """
    from diffusers.hooks.pyramid_attention_broadcast import (
        PyramidAttentionBroadcastConfig,
        apply_pyramid_attention_broadcast,
    )

    denoiser = find_denoiser(pipe)
    current: list[Any] = []
    calls = 0

    def count(*_: Any) -> None:
        nonlocal current, calls
        if calls == 0:
            # Once a picture, as on a GPU it waits for the device.
            current = pipe.scheduler.timesteps.tolist()
        calls += 1

    def restart() -> None:
        nonlocal calls
        calls = 0
        for state in broadcast_states(denoiser):
            state.reset()

    denoiser.register_forward_pre_hook(count)
    config = PyramidAttentionBroadcastConfig(
        spatial_attention_block_skip_range=spatial_skip_range,
        cross_attention_block_skip_range=cross_skip_range,
        spatial_attention_timestep_skip_range=timesteps,
        cross_attention_timestep_skip_range=timesteps,
        current_timestep_callback=lambda: current[calls - 1],
    )
    apply_pyramid_attention_broadcast(denoiser, config)
    return restart


def broadcast_states(denoiser: Any) -> Iterator[Any]:
    """What PAB keeps of each attention from step to step."""
    for module in denoiser.modules():
        registry = getattr(module, "_diffusers_hook", None)
        hook = registry and registry.get_hook("pyramid_attention_broadcast")
        if hook:
            yield hook.state


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


def halve_broadcasts(pipe: Any, batch: int) -> None:
    """Halve a guided batch's cached outputs, so that an unguided one can reuse them.

    Args:
        pipe: A pipe with PAB applied.
        batch: The guided batch's size.
    """
    for state in broadcast_states(find_denoiser(pipe)):
        state.cache = conditional_half(state.cache, batch)


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
    pipe = PixArtSigmaPipeline.from_pretrained(
        model,
        dtype=torch.float16 if device.startswith("cuda") else torch.float32,
        use_safetensors=True,
    )
    pipe.scheduler = DDIMScheduler.from_config(
        pipe.scheduler.config,
        # What the pipeline's own scheduler does and this one would not by itself.
        clip_sample=False,
        timestep_spacing="linspace",
    )
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device)
    restart = broadcast_attention(pipe, 2, 6, (100, 800))
    pipe.restart_broadcast = restart
    halvers = [halve_broadcasts]
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
    pipe.restart_broadcast()
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
        use_resolution_binning=False,
        clean_caption=False,
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
