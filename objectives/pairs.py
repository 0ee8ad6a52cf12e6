"""Running batches with and without acceleration on one pipe, timed side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from accel_space.calibration.learning import learned_from
from accel_space.method import Generate, Learned, Params
from accel_space.stack import Stack
from objectives.errors import MeasurementError
from objectives.generation import generate_pictures
from objectives.measurement import Baseline
from objectives.pipelines.conditioning import Conditioning
from objectives.quality.images import refuse_degenerate
from objectives.quality.scorer import Scorer
from objectives.timing import device as devices
from objectives.timing.host_bound import HostBoundShare, watch_host
from objectives.trial_recorder import TrialRecorder
from storage.records.protocol import Protocol

if TYPE_CHECKING:
    import torch

SAME_PICTURE = 0.99
"""Least CLIP cosine between two pictures of one seed that differ only by rounding."""


class PairRunner:
    """Runs batches of prompts on one loaded pipeline, accelerated or not.

    Its timings go to the `TrialRecorder` that it is given.
    """

    def __init__(
        self,
        pipe: Any,
        stack: Stack,
        scorer: Scorer,
        protocol: Protocol,
        device: torch.device,
        conditioning: Conditioning,
        call: Mapping[str, Any],
        beside_mib: float = 0.0,
    ) -> None:
        """Keep what all batches need.

        Args:
            pipe: The loaded pipeline, with its scheduler set.
            stack: The methods to apply.
            scorer: Compares pictures with those of the stored baseline.
            protocol: How to measure.
            device: Where the pipeline is.
            conditioning: The protocol's prompts, as the pipeline takes them.
            call: Further arguments of the pipeline's call.
            beside_mib: Memory of the device that the metrics' models take, which no script needs.
        """
        self._pipe = pipe
        self._stack = stack
        self._scorer = scorer
        self._protocol = protocol
        self._device = device
        self._denoiser = stack.context.family.denoiser_of(pipe)
        self._conditioning = conditioning
        self._call = call
        self._beside_mib = beside_mib
        self._is_warm = False
        self._kept: dict[range, torch.Tensor] = {}
        self._baseline_share: HostBoundShare | None = None

    def draw_plainly(self, batch: range) -> torch.Tensor:
        """Generate without acceleration, untimed; the pipe is warm from then on."""
        images = self._generate(self._pipe, batch)
        self._is_warm = True
        return images

    def learn(self, batch: range) -> dict[str, Learned]:
        """What the stack's methods learn from the plain pipe as it draws a batch."""

        def draw() -> None:
            refuse_degenerate(self._generate(self._pipe, batch))

        return learned_from(self._stack, self._pipe, draw)

    def warm_up(self, batch: range, baseline: Baseline, recorder: TrialRecorder) -> None:
        """Warm the pipe up if another run made the baseline; read its host-bound share."""
        if not self._is_warm:
            self.run_baseline(batch, baseline, recorder)
            self._is_warm = True
        if self._device.type == "cuda" and self._baseline_share is None:
            with watch_host(self._denoiser, self._device) as share:
                self.run_baseline(batch, baseline, recorder)
            self._baseline_share = share
        if self._baseline_share is not None:
            recorder.baseline_gpu_bound = self._baseline_share.gpu_bound

    def watch_point(
        self, batch: range, point: Params, recorder: TrialRecorder
    ) -> tuple[torch.Tensor, float]:
        """Generate with the stack applied, warm and untimed, and read the host-bound share."""
        with watch_host(self._denoiser, self._device) as share:
            drawn = self.run_point(batch, point, recorder)
        recorder.gpu_bound = share.gpu_bound
        if self._device.type == "cuda" and share.gpu_bound is None:
            # Its calls were replayed, each handed to the GPU in one piece.
            recorder.gpu_bound = 1.0
        return drawn

    def run_pair(
        self, batch: range, point: Params, baseline: Baseline, recorder: TrialRecorder
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Time a batch with and without acceleration; return both pictures, accelerated first."""
        with recorder.monitor.watching():
            if len(recorder.latencies) % 2:
                reference, baseline_latency = self.run_baseline(batch, baseline, recorder)
                images, accelerated_latency = self.run_point(batch, point, recorder)
            else:
                images, accelerated_latency = self.run_point(batch, point, recorder)
                reference, baseline_latency = self.run_baseline(batch, baseline, recorder)
        recorder.latencies.append(accelerated_latency)
        recorder.baseline_latencies.append(baseline_latency)
        return images, reference

    def run_point(
        self, batch: range, point: Params, recorder: TrialRecorder
    ) -> tuple[torch.Tensor, float]:
        """Generate with the stack applied: pictures, and seconds per picture."""
        recorder.refuse_late()
        start = time.perf_counter()
        applied = self._stack.applied(self._pipe, point, recorder.hits, recorder.captures)
        with applied as generate:
            devices.reset_peak_memory(self._device)
            images, seconds = devices.timed(self._device, lambda: self._generate(generate, batch))
        recorder.clock.add("generate", seconds)
        recorder.clock.add("patch", time.perf_counter() - start - seconds)
        if self._stack.context.lossless_methods and recorder.warmup_s is None:
            recorder.warmup_s = seconds
        schedule = self._stack.schedule(point)
        recorder.lossy_methods, recorder.skipped = schedule.lossy_methods, schedule.skipped
        peak = devices.peak_memory_mib(self._device)
        recorder.peak_memory += [] if peak is None else [peak - self._beside_mib]
        return images, seconds / len(batch)

    def run_baseline(
        self, batch: range, baseline: Baseline, recorder: TrialRecorder
    ) -> tuple[torch.Tensor, float]:
        """Generate without acceleration, and check the pictures against the stored baseline's."""
        recorder.refuse_late()
        with recorder.clock.phase("baseline"):
            images, seconds = devices.timed(self._device, lambda: self._generate(self._pipe, batch))
        with recorder.clock.phase("score"):
            embeddings = self._scorer.embed_images(images)
        cosines = (embeddings * baseline.embeddings[batch]).sum(axis=1)
        # The other way round a NaN would pass.
        if not cosines.min() >= SAME_PICTURE:
            raise MeasurementError(
                "the baseline's pictures are not those of the stored baseline any more "
                f"(CLIP cosine {cosines.min():.3f}): the pipe or the model was changed"
            )
        return images, seconds / len(batch)

    def kept_baseline(
        self,
        batch: range,
        baseline: Baseline,
        recorder: TrialRecorder,
        drawn: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The baseline's pictures of a batch, drawn once by this process and kept in its memory.

        Args:
            batch: Indices of their prompts.
            baseline: The baseline to check them against.
            recorder: Records the time that drawing them takes.
            drawn: The pictures, if they are drawn already.
        """
        if batch not in self._kept:
            if drawn is None:
                drawn, _ = self.run_baseline(batch, baseline, recorder)
            # Not on the device, where they would count in the memory of the next batch.
            self._kept[batch] = drawn.cpu()
        return self._kept[batch].to(self._device) if drawn is None else drawn

    def _generate(self, generate: Generate, batch: range) -> torch.Tensor:
        conditioning, steps = self._conditioning, self._stack.context.steps
        return generate_pictures(generate, conditioning, batch, self._protocol, steps, self._call)
