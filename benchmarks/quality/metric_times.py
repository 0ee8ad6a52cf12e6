"""How long each metric takes a picture, and how much memory its model takes.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.metric_times

gives random pictures to each metric that looks at pictures. Models have random weights, since the
time does not depend on them, and nothing is fetched. ImageReward is measured where its package is
installed. On a CPU the time is that of the process, which other processes hardly change. Writes
`metric-times-<device>.md` and `.json` into `--out`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.shared.result_files import keep_results, results_parser
from objectives.errors import InputError
from objectives.quality import METRICS
from objectives.quality.metric import Drawn, Metric
from objectives.quality.model_metric import Loaded, ModelMetric
from objectives.timing.device import device_name, find_device

PROMPT = "a photograph of two cats that sleep on a red sofa beside a window"

LIBRARIES = ("torch", "torchmetrics", "timm", "transformers", "open_clip_torch")


@dataclass(frozen=True)
class Cost:
    """What a metric costs.

    Attributes:
        metric: Its name.
        seconds: Time for a picture, including that of the baseline's.
        model_mib: Memory of its model.
    """

    metric: str
    seconds: float
    model_mib: float


def main() -> None:
    """Measure all metrics that look at pictures, and keep a table."""
    options = _options()
    device = find_device(options.device)
    costs = [
        cost(metric, device, options.side, options.batch)
        for metric in METRICS.values()
        if "pictures" in metric.needs and can_be_made(metric)
    ]
    name = device_name(device)
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "device": name,
        "versions": {library: version(library) for library in LIBRARIES},
        "side": options.side,
        "batch": options.batch,
        "clock": "of the process" if device.type == "cpu" else "of the wall",
        "costs": [asdict(each) for each in costs],
    }
    page = as_markdown(results, costs)
    keep_results(f"metric-times-{name}", results, page, options.out)
    print(page)


def can_be_made(metric: Metric) -> bool:
    """Whether the package that makes a metric's model is installed."""
    try:
        metric.place(Path(__file__) if metric.loads else None)
    except InputError:
        return False
    return True


def cost(metric: Metric, device: torch.device, side: int, batch: int) -> Cost:
    """Time a metric on random pictures.

    Args:
        metric: The metric, without its model.
        device: Where it computes.
        side: Side of a picture, in pixels.
        batch: How many pictures are given at once.
    """
    ready = untrained(metric, device) if isinstance(metric, ModelMetric) else metric
    generator = torch.Generator().manual_seed(0)
    pair = torch.rand(2, batch, 3, side, side, generator=generator).to(device)
    none = np.zeros((batch, 1), dtype=np.float32)
    drawn = Drawn([PROMPT] * batch, none, none, none, lambda texts: none, pair[0], pair[1])

    def measure() -> None:
        ready.values(drawn)
        if "pairs" not in ready.needs:
            ready.values(drawn.baseline)

    # The first one also loads code.
    measure()
    seconds = min(_seconds(device, measure) for _ in range(3))
    return Cost(metric.name, seconds / batch, ready.held_mib)


def untrained(metric: ModelMetric, device: torch.device) -> ModelMetric:
    """The metric with its model at real size, and random weights."""

    class Untrained(type(metric)):  # type: ignore[misc]
        def fill(self, module: torch.nn.Module, file: Path) -> None:
            """Leave the weights as they are."""

    with device:
        loaded: Loaded = Untrained().load(Path(__file__))
    loaded.model.eval().requires_grad_(False)
    return type(metric)(loaded)


def as_markdown(results: Mapping[str, Any], costs: Sequence[Cost]) -> str:
    """The table, a row for each metric."""
    versions = ", ".join(f"{name} {each}" for name, each in results["versions"].items())
    lines = [
        "# How long a metric takes",
        "",
        f"{results['device']}, {results['date']}; {versions}. Seconds a picture of "
        f"{results['side']}x{results['side']} pixels, with the baseline's beside it, by the clock "
        f"{results['clock']}: the least of three batches of {results['batch']}. Models of real "
        "size with random weights, fp32; made by `python -m benchmarks.quality.metric_times`.",
        "",
        "| metric | seconds a picture | memory of its model |",
        "|---|---|---|",
    ]
    for each in costs:
        memory = f"{each.model_mib:,.0f} MiB" if each.model_mib else "-"
        lines.append(f"| `{each.metric}` | {each.seconds:.2g} | {memory} |")
    return "\n".join(lines) + "\n"


def _seconds(device: torch.device, call: Callable[[], None]) -> float:
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    start = clock()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - start


def _options() -> argparse.Namespace:
    parser = results_parser(__doc__)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--batch", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
