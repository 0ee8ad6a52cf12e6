"""Draw with emitted scripts and modules as their users do: where accelfront is not.

Run by path with a JSON list of {"script": FILE, "model": FOLDER, "prompts": [...], "seed": N,
"out": FILE}; each draws twice with its one pipe, a module once more when its work is undone, and
the tensors are written to `out`.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import Any

import torch
from diffusers import DiffusionPipeline

OURS = ("accelfront", "accel_space", "generator", "objectives", "storage", "studies")


def draw(script: str, model: str, prompts: list[str], seed: int, out: str) -> None:
    spec = importlib.util.spec_from_file_location("emitted", script)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if hasattr(module, "accelerate"):
        pictures = draw_with_module(module, model, prompts, seed)
    else:
        pipe = module.load_pipeline(model, "cpu")
        pictures = [module.generate(pipe, prompts, seed, output_type="pt") for _ in range(2)]
    torch.save(pictures, out)


def draw_with_module(module: Any, model: str, prompts: list[str], seed: int) -> list[Any]:
    pipe: Any = DiffusionPipeline.from_pretrained(model, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    module.use_scheduler(pipe)

    def draw() -> Any:
        seeds = range(seed, seed + len(prompts))
        generators = [torch.Generator("cpu").manual_seed(each) for each in seeds]
        call = {"generator": generators, "output_type": "pt", **module.SETTINGS}
        return pipe(list(prompts), **call).images

    undo = module.accelerate(pipe)
    accelerated = [draw(), draw()]
    undo()
    return [*accelerated, draw()]


if __name__ == "__main__":
    for name in OURS:
        # An import of it fails from here on.
        sys.modules[name] = None  # type: ignore[assignment]
    for job in json.loads(sys.stdin.read()):
        draw(**job)
