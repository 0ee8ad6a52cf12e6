"""The objective of a trial: the speedup and the CLIP loss of one point."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from accel_space.method import Generate, Params
from accel_space.stack import Stack
from objectives.baseline import doubt_of, draw_baseline
from objectives.errors import MeasurementError
from objectives.generation import batches_of, generate_pictures
from objectives.measurement import Baseline, Hopeless, Measurement
from objectives.pipelines.conditioning import Conditioning, Plain
from objectives.quality import METRICS
from objectives.quality.images import refuse_degenerate
from objectives.quality.metric import Drawn
from objectives.quality.recorder import QualityRecorder
from objectives.quality.scorer import Scorer
from objectives.timing import device as devices
from objectives.timing.host_bound import HostBoundShare, watch_host
from objectives.trial_recorder import TrialRecorder
from storage.records.protocol import Protocol

if TYPE_CHECKING:
    import torch

MIN_PAIRS = 3
"""Fewer pairs leave no interval worth the name."""

MAX_PAIRS = 5
"""Past this a trial spends most of its time on the baseline; later batches are scored only."""

SAME_PICTURE = 0.99
"""Least CLIP cosine between two pictures of one seed that only rounding tells apart."""

Show = Callable[[range, "torch.Tensor", "torch.Tensor"], None]
"""Takes a pair's places in the protocol, its baseline pictures and its accelerated ones."""


class Objective:
    """Measures points of one combination under one protocol, on one loaded pipeline."""

    def __init__(
        self,
        pipe: Any,
        stack: Stack,
        scorer: Scorer,
        protocol: Protocol,
        prompts: Sequence[str],
        device: torch.device,
        conditioning: Conditioning | None = None,
        call: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare the batches.

        Args:
            pipe: The loaded pipeline, with its scheduler set.
            stack: The methods to measure.
            scorer: What scores the pictures.
            protocol: How to measure.
            prompts: The protocol's prompts, `protocol.num_samples` of them.
            device: Where the pipeline is.
            conditioning: The same prompts as the pipeline takes them; None is as text.
            call: What the pipeline's call takes besides.
        """
        self._pipe = pipe
        self._stack = stack
        self._scorer = scorer
        self._protocol = protocol
        self._device = device
        self._denoiser = stack.context.family.denoiser_of(pipe)
        self._conditioning = conditioning or Plain(prompts)
        self._call = dict(call or {})
        self._batches = batches_of(len(prompts), protocol.batch_size)
        self._texts = prompts
        self._prompts = scorer.embed_prompts(prompts)
        self._metrics = [METRICS[name] for name in protocol.metrics]
        self._is_warm = False
        self._baseline_share: HostBoundShare | None = None

    def measure_baseline(self) -> Baseline:
        """Generate and score the protocol's prompts without acceleration.

        Raises:
            MeasurementError: If the pipeline fails, or its pictures are none.
        """
        draw = partial(self._generate, self._pipe)
        baseline = draw_baseline(self._batches, draw, self._scorer, self._prompts)
        self._is_warm = True
        return baseline

    def doubt(self, baseline: Baseline) -> str:
        """What to doubt of losses against a baseline, as `doubt_of` has it; often nothing."""
        return doubt_of(baseline.embeddings, self._prompts)

    def prove(self, baseline: Baseline) -> None:
        """Show on one batch that the pipe still makes the baseline's pictures.

        Raises:
            MeasurementError: If it does not.
        """
        self._run_baseline(self._batches[0], baseline, TrialRecorder())

    def measure(
        self,
        point: Params,
        baseline: Baseline,
        hopeless: Hopeless | None = None,
        show: Show | None = None,
        timeout_s: float | None = None,
    ) -> Measurement:
        """Measure a point beside the baseline.

        The first batch warms the accelerated pipe up and is scored, the others are timed in
        pairs with a baseline batch of the same prompts; which of the two goes first alternates, so
        that a drift of the device's speed cancels. On a GPU a warm batch that is not timed shows
        the host-bound share: one that is scored only, or else one more.

        Args:
            point: A value for every parameter of the stack.
            baseline: What `measure_baseline` returned under the same protocol.
            hopeless: Asked between batches once there is a pair; when it says so, what was
                measured so far is returned with `stopped_early` and with its estimates.
            show: Shown the pictures of each pair once it is timed; the tensors are not to be kept,
                as they would count in the next batch's memory.
            timeout_s: Start no further batch after so many seconds.

        Raises:
            MeasurementError: If the pictures are none, if the baseline's pictures have changed, or
                if it takes too long.
        """
        recorder = TrialRecorder(QualityRecorder(self._metrics), timeout_s=timeout_s)
        self._warm_baseline_up(baseline, recorder)
        full, first = self._full_batches, self._batches[0]
        self._score(first, self._run_point(first, point, recorder)[0], baseline, recorder)
        for index, batch in enumerate(self._batches[1:], start=1):
            self._draw(batch, point, baseline, recorder, show)
            if recorder.is_inert:
                return recorder.measurement(baseline, self._device)
            if hopeless is not None and recorder.latencies and batch is not self._batches[-1]:
                given_up = hopeless(recorder.partial(baseline, index + 1, len(self._batches)))
                if given_up is not None:
                    return recorder.measurement(baseline, self._device, given_up)
        while len(recorder.latencies) < MIN_PAIRS:
            self._draw(full[len(recorder.latencies) % len(full)], point, baseline, recorder, show)
        if self._device.type == "cuda" and recorder.gpu_bound is None and not recorder.is_late:
            self._watch_point(full[0], point, recorder)
        return recorder.measurement(baseline, self._device)

    def time_again(
        self,
        before: Measurement,
        point: Params,
        baseline: Baseline,
        timeout_s: float | None = None,
    ) -> Measurement:
        """Time the pairs of a measured point again; its pictures and their scores stay.

        Args:
            before: What `measure` returned of the point, in full.
            point: The point.
            baseline: As `measure` takes it.
            timeout_s: As `measure` takes it.

        Raises:
            MeasurementError: As `measure` does.
        """
        recorder = TrialRecorder(timeout_s=timeout_s)
        full = self._full_batches
        self._warm_baseline_up(baseline, recorder)
        recorder.gpu_bound = before.gpu_bound
        self._run_point(full[0], point, recorder)
        for pair in range(len(before.latencies_s)):
            self._run_pair(full[(pair + 1) % len(full)], point, baseline, recorder)
        timing = recorder.timing(self._device)
        return before.model_copy(update=timing)

    @property
    def _full_batches(self) -> list[range]:
        """Those that are timed: a last one with fewer prompts costs more a picture."""
        size = len(self._batches[0])
        return [batch for batch in self._batches if len(batch) == size]

    def _warm_baseline_up(self, baseline: Baseline, recorder: TrialRecorder) -> None:
        """Warm the pipe up where another run made the baseline; read its host-bound share."""
        if not self._is_warm:
            self._run_baseline(self._batches[0], baseline, recorder)
            self._is_warm = True
        if self._device.type == "cuda" and self._baseline_share is None:
            with watch_host(self._denoiser, self._device) as share:
                self._run_baseline(self._batches[0], baseline, recorder)
            self._baseline_share = share
        if self._baseline_share is not None:
            recorder.baseline_gpu_bound = self._baseline_share.gpu_bound

    def _watch_point(
        self, batch: range, point: Params, recorder: TrialRecorder
    ) -> tuple[torch.Tensor, float]:
        """Generate with the stack applied, warm and untimed, and read the host-bound share."""
        with watch_host(self._denoiser, self._device) as share:
            drawn = self._run_point(batch, point, recorder)
        recorder.gpu_bound = share.gpu_bound
        return drawn

    def _draw(
        self,
        batch: range,
        point: Params,
        baseline: Baseline,
        recorder: TrialRecorder,
        show: Show | None,
    ) -> None:
        """Draw a batch and score it: in a pair while the trial has room for one."""
        is_full = batch in self._full_batches
        if is_full and len(recorder.latencies) < MAX_PAIRS:
            images, reference = self._run_pair(batch, point, baseline, recorder)
            self._score(batch, images, baseline, recorder, reference)
            if show is not None:
                show(batch, reference, images)
            return
        watches = is_full and recorder.gpu_bound is None
        run = self._watch_point if watches else self._run_point
        self._score(batch, run(batch, point, recorder)[0], baseline, recorder)

    def _run_pair(
        self, batch: range, point: Params, baseline: Baseline, recorder: TrialRecorder
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Time a batch with and without acceleration; return both pictures, accelerated first."""
        with recorder.monitor.watching():
            if len(recorder.latencies) % 2:
                reference, baseline_latency = self._run_baseline(batch, baseline, recorder)
                images, accelerated_latency = self._run_point(batch, point, recorder)
            else:
                images, accelerated_latency = self._run_point(batch, point, recorder)
                reference, baseline_latency = self._run_baseline(batch, baseline, recorder)
        recorder.latencies.append(accelerated_latency)
        recorder.baseline_latencies.append(baseline_latency)
        return images, reference

    def _run_point(
        self, batch: range, point: Params, recorder: TrialRecorder
    ) -> tuple[torch.Tensor, float]:
        """Generate with the stack applied: pictures, and seconds per picture."""
        recorder.refuse_late()
        start = time.perf_counter()
        with self._stack.applied(self._pipe, point, recorder.hits) as generate:
            devices.reset_peak_memory(self._device)
            images, seconds = devices.timed(self._device, lambda: self._generate(generate, batch))
        recorder.clock.add("generate", seconds)
        recorder.clock.add("patch", time.perf_counter() - start - seconds)
        peak = devices.peak_memory_mib(self._device)
        recorder.peak_memory += [] if peak is None else [peak]
        return images, seconds / len(batch)

    def _run_baseline(
        self, batch: range, baseline: Baseline, recorder: TrialRecorder
    ) -> tuple[torch.Tensor, float]:
        """Generate without acceleration, and hold the pictures against the stored baseline's."""
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
                f"(CLIP cosine {cosines.min():.3f}): the pipe was changed, or the model was"
            )
        return images, seconds / len(batch)

    def _generate(self, generate: Generate, batch: range) -> torch.Tensor:
        conditioning, steps = self._conditioning, self._stack.context.steps
        return generate_pictures(generate, conditioning, batch, self._protocol, steps, self._call)

    def _score(
        self,
        batch: range,
        images: torch.Tensor,
        baseline: Baseline,
        recorder: TrialRecorder,
        reference: torch.Tensor | None = None,
    ) -> None:
        """Take the metrics of a batch; with the baseline's pictures beside it, all of them."""
        with recorder.clock.phase("score"):
            refuse_degenerate(images)
            drawn = Drawn(
                prompts=[self._texts[place] for place in batch],
                prompt_embeddings=self._prompts[batch],
                embeddings=self._scorer.embed_images(images),
                baseline_embeddings=baseline.embeddings[batch],
                pictures=None if reference is None else images,
                baseline_pictures=reference,
            )
            recorder.quality.add(batch, drawn)
