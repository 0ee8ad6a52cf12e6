"""Draw with emitted scripts as their users do: where accelfront is not.

Run by path with a JSON list of {"script": FILE, "model": FOLDER, "prompts": [...], "seed": N,
"out": FILE}; each script draws twice with its one pipe, and the tensors are written to `out`.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import Any

OURS = ("accelfront", "accel_space", "generator", "objectives", "storage", "studies")


def draw(script: str, model: str, prompts: list[str], seed: int, out: str) -> None:
    spec = importlib.util.spec_from_file_location("emitted", script)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pipe = module.load_pipeline(model, "cpu")
    pictures = [module.generate(pipe, prompts, seed, output_type="pt") for _ in range(2)]
    module.torch.save(pictures, out)


if __name__ == "__main__":
    for name in OURS:
        # An import of it fails from here on.
        sys.modules[name] = None  # type: ignore[assignment]
    for job in json.loads(sys.stdin.read()):
        draw(**job)
