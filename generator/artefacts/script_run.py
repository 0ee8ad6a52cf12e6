"""Running a script or module side by side with its trial's stack, in a process of its own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from accel_space.method import Context, Generate
from accel_space.stack import Stack
from objectives.errors import InputError
from objectives.generation import generate_pictures
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.conditioning import Conditioning
from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.loading import (
    load_conditioning,
    load_pipeline,
    load_whole_pipeline,
)
from objectives.pipelines.loras import FoundLora
from objectives.pipelines.model import Model, find_model
from objectives.pipelines.schedulers import Settings, make_scheduler, scheduler_profile
from objectives.quality.metrics.psnr import psnr_db
from objectives.settings.generation import usable_dtype
from objectives.timing.device import find_device, timed
from objectives.timing.interference import InterferenceMonitor
from storage.records.combination import Combination
from storage.records.protocol import Protocol

if TYPE_CHECKING:
    import torch

PAIRS = 5
"""Timed pairs of script and baseline: as many as a trial has at most."""


class Job(BaseModel):
    """A script or module, and the trial that it was written from.

    Attributes:
        script: The file.
        combination: What the trial accelerated, and with which methods.
        scheduler_settings: Settings of its scheduler on top of the pipeline's own configuration.
        params: The trial's point.
        learned: By method, what its study learned from the plain pipe.
        protocol: How the trial was measured.
        prompts: Prompts of one batch, the first of the protocol.
        model: The folder or address that both load.
        revision: The commit of an address; None means the main branch.
        loras: The LoRAs that both load, those of the protocol.
        device: The device: cpu or cuda:N.
    """

    model_config = ConfigDict(frozen=True)

    script: Path
    combination: Combination
    scheduler_settings: Settings
    params: dict[str, int | float]
    learned: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    protocol: Protocol
    prompts: list[str]
    model: str
    revision: str | None
    loras: tuple[Path, ...] = ()
    device: str


class ScriptRun(BaseModel):
    """The results of running a script.

    Attributes:
        equal: Whether its pictures are the stack's, bit for bit.
        psnr_db: PSNR of each picture against the stack's.
        latencies_s: Seconds per picture of the script's timed calls.
        baseline_latencies_s: The same for the unaccelerated pipeline, timed next to each.
        disturbed: What disturbed them, from objectives/timing/interference.py's `SEEN`.
    """

    model_config = ConfigDict(frozen=True)

    equal: bool
    psnr_db: list[float]
    latencies_s: list[float]
    baseline_latencies_s: list[float]
    disturbed: list[str]


class _SideBySide:
    """The script and the plain pipeline, loaded side by side."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._entry = find_pipeline(job.combination.pipeline)
        self._device = find_device(job.device)
        model = find_model(self._entry, job.model, job.revision)
        self._script = _import(job.script)
        self._scripted = self._load_scripted(model)
        if self._entry.family.encoders:
            _encode_once(self._scripted)
        self._plain, self._conditioning = _load_plain(job, self._entry, model, self._device)
        self._stack = _stack(job, model, self._plain.scheduler, self._device)

    def _load_scripted(self, model: Model) -> Any:
        """The pipe of a script, or one that a module has accelerated."""
        job = self._job
        if not self._is_module:
            return self._script.load_pipeline(job.model, job.device)
        dtype = usable_dtype(job.protocol.dtype, self._device)
        pipe = load_whole_pipeline(self._entry, model, dtype, self._device, _loras(job))
        self._script.use_scheduler(pipe)
        self._script.accelerate(pipe)
        return pipe

    @property
    def _is_module(self) -> bool:
        return hasattr(self._script, "accelerate")

    def run(self) -> ScriptRun:
        """Compare the pictures, then time the script."""
        # The first generation warms up. What compiles or captures draws later ones differently.
        self._draw_with_script()
        pictures = self._draw_with_script()
        with self._stack.applied(self._plain, self._job.params) as generate:
            expected = self._draw(generate)
        self._draw(self._plain)
        latencies: list[float] = []
        baseline_latencies: list[float] = []
        monitor = InterferenceMonitor()
        for pair in range(PAIRS):
            both = [
                (latencies, self._draw_with_script),
                (baseline_latencies, lambda: self._draw(self._plain)),
            ]
            # The order alternates, so that a drift of the device's speed cancels out.
            for seconds, draw in both if pair % 2 else reversed(both):
                with monitor.watching():
                    seconds.append(timed(self._device, draw)[1] / len(self._job.prompts))
        return ScriptRun(
            equal=bool((pictures == expected).all()),
            psnr_db=psnr_db(pictures, expected),
            latencies_s=latencies,
            baseline_latencies_s=baseline_latencies,
            disturbed=monitor.report(self._device),
        )

    def _draw_with_script(self) -> torch.Tensor:
        job, script = self._job, self._script
        if self._is_module:
            return _drawn_by_module(self._scripted, script.SETTINGS, job)
        pictures: torch.Tensor = script.generate(
            self._scripted, job.prompts, job.protocol.seed, output_type="pt"
        )
        return pictures

    def _draw(self, generate: Generate) -> torch.Tensor:
        """Draw as a trial does."""
        job = self._job
        return generate_pictures(
            generate,
            self._conditioning,
            range(len(job.prompts)),
            job.protocol,
            job.combination.steps,
            self._entry.call_at(job.protocol.guidance_scale),
        )


def _drawn_by_module(pipe: Any, settings: Mapping[str, Any], job: Job) -> torch.Tensor:
    """Draw as the caller of a module does."""
    import torch

    seeds = range(job.protocol.seed, job.protocol.seed + len(job.prompts))
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    given = dict(settings)
    if "negative_prompt" in given:
        given["negative_prompt"] = [given["negative_prompt"]] * len(job.prompts)
    pictures: torch.Tensor = pipe(
        list(job.prompts), generator=generators, output_type="pt", **given
    ).images
    return pictures


def _import(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("emitted_script", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _encode_once(pipe: Any) -> None:
    """Cache what a pipe encodes, as the trial's latencies start after text encoding."""
    encode = pipe.encode_prompt
    known: dict[tuple[str, ...], Any] = {}

    def encode_prompt(prompt: list[str], *args: Any, **kwargs: Any) -> Any:
        key = tuple(prompt)
        if key not in known:
            known[key] = encode(prompt, *args, **kwargs)
        return known[key]

    pipe.encode_prompt = encode_prompt


def _load_plain(
    job: Job, entry: PipelineEntry, model: Model, device: torch.device
) -> tuple[Any, Conditioning]:
    dtype = usable_dtype(job.protocol.dtype, device)
    negative = job.protocol.negative_prompt
    conditioning = load_conditioning(entry, model, job.prompts, dtype, device, negative)
    pipe = load_pipeline(entry, model, dtype, device, _loras(job))
    config = pipe.scheduler.config
    pipe.scheduler = make_scheduler(job.combination.scheduler, config, job.scheduler_settings)
    return pipe, conditioning


def _loras(job: Job) -> list[FoundLora]:
    measured = zip(job.loras, job.protocol.loras, strict=True)
    return [FoundLora(record, path) for path, record in measured]


def _stack(job: Job, model: Model, scheduler: Any, device: torch.device) -> Stack:
    protocol = job.protocol
    profile = model.architecture.profile(protocol.height, protocol.width)
    return Stack(
        Context(
            profile=profile,
            scheduler=scheduler_profile(scheduler, job.combination.steps, profile),
            steps=job.combination.steps,
            guidance_scale=protocol.guidance_scale,
            methods=frozenset(job.combination.methods),
            device="cpu" if device.type == "cpu" else "cuda",
            learned=job.learned,
        )
    )


def main() -> None:
    """Read a Job on stdin and write its ScriptRun to the file named by the argument."""
    (out,) = sys.argv[1:]
    script_run = _SideBySide(Job.model_validate_json(sys.stdin.read())).run()
    Path(out).write_text(script_run.model_dump_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
