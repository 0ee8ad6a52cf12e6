"""The roofline: how near a generation comes to the limit of the GPU's matrix units.

    python -m benchmarks.measuring.roofline benchmarks/results/true-front-sd1.5-*.json

counts the floating-point operations of one picture, plain and at the chosen points of each stack,
and divides them by the rate of a large matrix product on this device. No picture can take less
time, and memory access adds to it. Next to that are the latencies that true_front.py measured on
the same kind of device; the models are made as there, and the scorer is kept in `--models`. Writes
`roofline-<what was measured>.json` and `.md` into `--out`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel_space.stack import Stack
from accelfront.cli.process import prepare_process
from benchmarks.measuring.random_models import random_model, scorer_in
from benchmarks.measuring.true_front_page import chosen, plain_latency, read_results
from benchmarks.shared.asked_plan import asked_plan
from benchmarks.shared.result_files import keep_results, results_parser
from objectives.errors import InputError
from objectives.generation import generate_pictures
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.loading import load_conditioning, load_pipeline
from objectives.pipelines.schedulers import make_scheduler
from objectives.timing.device import device_name, find_device, timed
from storage.records.points import point_text
from studies.plan import Plan
from studies.request import StudyRequest

if TYPE_CHECKING:
    import torch

SIDES = {"cuda": (4096, 8192, 16384), "cpu": (512, 1024)}
"""Sides of the multiplied matrices, by kind of device; the best rate counts."""

PRODUCTS, REPEATS = 10, 3
"""Matrix products in a timing, and timings of each side."""


def main() -> None:
    """Count and time, and keep a page for each file."""
    parser = results_parser(__doc__)
    parser.add_argument("fronts", nargs="+", type=Path, help="files of true_front.py")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--models", type=Path, default=Path("runs/full-size-models"))
    options = parser.parse_args()
    try:
        device = find_device(options.device)
        fronts = [read_results(path) for path in options.fronts]
    except InputError as error:
        parser.error(str(error))
    here = device_name(device)
    for front in fronts:
        if front["device"] != here:
            parser.error(f"{front['name']} is of another device than this, which is {here}")
    prepare_process()
    for front in fronts:
        results = roofline(front, plan_of(front, device, options.models))
        page = as_markdown(results)
        keep_results(results["name"], results, page, options.out)
        print(page)


def plan_of(front: Mapping[str, Any], device: torch.device, models: Path) -> Plan:
    """One picture of a front's pipeline; each of a batch takes as many operations."""
    is_own = isinstance(PIPELINES[front["pipeline"]].model, Path)
    request = StudyRequest(
        pipeline=front["pipeline"],
        scheduler=front["scheduler"],
        steps=front["steps"],
        methods=("fewer_steps",),
        trials=1,
        num_samples=2,
        batch_size=1,
        scorer=None if is_own else scorer_in(models),
        device=str(device),
        confirm=False,
    )
    return asked_plan(request, None if is_own else random_model(front["pipeline"], device))


def roofline(front: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Count the operations of a front's chosen points, and compare them with their times."""
    counting = Counting(plan)
    stacks = {name: each for name, each in front["stacks"].items() if each.get("trials")}
    plain = {"stack": "plain", "kind": "", "params": {}, "latency_s": plain_latency(stacks)}
    points = [{**plain, **counting.operations({})}]
    for name, stack in stacks.items():
        for kind, trial in chosen(stack):
            kept = {key: trial[key] for key in ("params", "latency_s")}
            done = counting.operations(left_out(name, trial))
            points.append({"stack": name, "kind": kind, **kept, **done})
    return {
        "name": front["name"].replace("true front", "roofline"),
        **{name: front[name] for name in ("pipeline", "scheduler", "steps", "batch_size")},
        "date": datetime.now(UTC).date().isoformat(),
        "environment": plan.environment.as_json(),
        "dtype": plan.protocol.dtype,
        "rates": {str(side): each for side, each in matrix_rates(plan).items()},
        "points": points,
    }


def left_out(name: str, trial: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a trial's point that leaves work out; the rest does the same work faster."""
    lossy = trial.get("lossy_methods")
    methods = name.split("+") if lossy is None else lossy
    return {
        parameter: value
        for parameter, value in trial["params"].items()
        if parameter.partition(".")[0] in methods
    }


class Counting:
    """Counts the operations of one picture on a loaded pipeline, in the part that a study times."""

    def __init__(self, plan: Plan) -> None:
        """Load the plan's pipeline."""
        where = plan.protocol.dtype, plan.device
        self._plan = plan
        self._prompts = load_conditioning(plan.entry, plan.model, plan.prompts, *where)
        self._pipe = load_pipeline(plan.entry, plan.model, *where)
        self._pipe.scheduler = make_scheduler(
            plan.combination.scheduler, self._pipe.scheduler.config, plan.scheduler_settings
        )

    def operations(self, params: Mapping[str, Any]) -> dict[str, int]:
        """Floating-point operations of a picture; a multiply-add is two.

        Args:
            params: A point of the methods that its parameters name; none is the plain pipeline.
        """
        from torch.nn.attention import SDPBackend, sdpa_kernel
        from torch.utils.flop_counter import FlopCounterMode

        plan = self._plan
        methods = frozenset(name.partition(".")[0] for name in params)
        stack = Stack(replace(plan.stack.context, methods=methods))
        counter = FlopCounterMode(display=False)
        with ExitStack() as entered:
            # Attention as plain products: the counter does not know every kernel that fuses them.
            entered.enter_context(sdpa_kernel(SDPBackend.MATH))
            generate = entered.enter_context(stack.applied(self._pipe, dict(params)))
            entered.enter_context(counter)
            generate_pictures(
                generate,
                self._prompts,
                range(1),
                plan.protocol,
                plan.combination.steps,
                plan.entry.call_at(plan.protocol.guidance_scale),
            )
        denoiser = type(plan.stack.context.family.denoiser_of(self._pipe)).__name__
        counts = counter.get_flop_counts()
        return {
            "operations": counter.get_total_flops(),
            "denoiser_operations": sum(counts.get(denoiser, {}).values()),
        }


def matrix_rates(plan: Plan) -> dict[int, float]:
    """Floating-point operations a second of products of square matrices, by their side."""
    import torch

    dtype = getattr(torch, plan.protocol.dtype)
    rates = {}
    for side in SIDES[plan.device.type]:
        left, right = (torch.randn(side, side, device=plan.device, dtype=dtype) for _ in range(2))
        out = left @ right

        def multiply(
            left: torch.Tensor = left, right: torch.Tensor = right, out: torch.Tensor = out
        ) -> None:
            for _ in range(PRODUCTS):
                torch.mm(left, right, out=out)

        seconds = min(timed(plan.device, multiply)[1] for _ in range(REPEATS))
        rates[side] = PRODUCTS * 2 * side**3 / seconds
    return rates


def as_markdown(results: Mapping[str, Any]) -> str:
    """The results as a table for people."""
    environment = results["environment"]
    versions = ", ".join(f"{name} {each}" for name, each in environment["versions"].items() if each)
    side, rate = max(results["rates"].items(), key=lambda item: float(item[1]))
    lines = [
        f"# The roofline of {results['pipeline']} on {environment['device']}",
        "",
        f"{results['date']}; {versions}. {results['steps']} steps of {results['scheduler']}. Made "
        "by `python -m benchmarks.measuring.roofline`.",
        "",
        f"A product of {results['dtype']} matrices of side {side} runs at {rate / 1e12:,.1f} "
        "TFLOP/s here. At that rate a picture's operations take the least seconds; the share is "
        f"these over the seconds a picture measured in batches of {results['batch_size']}. A "
        "multiply-add is two operations. The rate counts alone: what memory takes comes on top.",
        "",
        "| stack | | point | TFLOP a picture | of them denoiser | least s | measured s | share |",
        "|---|---|---|---|---|---|---|---|",
        *_rows(results["points"], rate),
    ]
    return "\n".join(lines) + "\n"


def _rows(points: list[dict[str, Any]], rate: float) -> Iterator[str]:
    for point in points:
        least_s = point["operations"] / rate
        yield (
            f"| {point['stack']} | {point['kind']} | {point_text(point['params'])} "
            f"| {point['operations'] / 1e12:.3f} "
            f"| {point['denoiser_operations'] / point['operations']:.0%} | {least_s:.4f} "
            f"| {point['latency_s']:.4f} | {least_s / point['latency_s']:.0%} |"
        )


if __name__ == "__main__":
    main()
