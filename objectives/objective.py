"""The objective of a trial: the speedup and the CLIP loss of one point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accel_space.method import Learned, Params
from accel_space.stack import Stack
from objectives.baseline import doubt_of, draw_baseline, failing_plainly
from objectives.errors import MeasurementError
from objectives.generation import batches_of
from objectives.measurement import Baseline, Hopeless
from objectives.pairs import PairRunner
from objectives.pipelines.conditioning import Conditioning, Plain
from objectives.quality import METRICS
from objectives.quality.images import refuse_degenerate
from objectives.quality.metric import Drawn, Metric
from objectives.quality.recorder import QualityRecorder
from objectives.quality.scorer import Scorer, TextEmbeddings
from objectives.trial_recorder import TrialRecorder
from storage.records.measurement import Measurement
from storage.records.protocol import Protocol
from storage.records.record import GREATEST

if TYPE_CHECKING:
    import torch

MIN_PAIRS = 3
"""Fewer pairs leave no useful interval."""

MAX_PAIRS = 5
"""Beyond this a trial spends most of its time on the baseline; later batches are only scored."""

Show = Callable[[range, "torch.Tensor", "torch.Tensor", Mapping[int, float]], None]
"""Takes a pair's indices in the protocol, its baseline pictures and its accelerated ones, and the
loss of every picture of the trial so far, by index."""


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
        metrics: Mapping[str, Metric] = METRICS,
    ) -> None:
        """Prepare the batches.

        Args:
            pipe: The loaded pipeline, with its scheduler set.
            stack: The methods to measure.
            scorer: Scores the pictures.
            protocol: How to measure.
            prompts: The protocol's prompts, `protocol.num_samples` of them.
            device: Where the pipeline is.
            conditioning: The same prompts as the pipeline takes them; None means as text.
            call: Further arguments of the pipeline's call.
            metrics: The protocol's metrics, loaded, by name.
        """
        conditioning = conditioning or Plain(prompts, protocol.negative_prompt)
        self._metrics = [metrics[name] for name in protocol.metrics]
        self._loss = protocol.loss
        beside_mib = sum(metric.held_mib for metric in self._metrics)
        self._runner = PairRunner(
            pipe, stack, scorer, protocol, device, conditioning, dict(call or {}), beside_mib
        )
        self._scorer = scorer
        self._device = device
        self._batches = batches_of(len(prompts), protocol.batch_size)
        self._texts = prompts
        self._prompts = scorer.embed_prompts(prompts)
        self._embed = TextEmbeddings(scorer)

    def measure_baseline(self) -> Baseline:
        """Generate and score the protocol's prompts without acceleration.

        Raises:
            MeasurementError: If the pipeline fails, or its pictures are degenerate.
        """
        draw = self._runner.draw_plainly
        return draw_baseline(self._batches, draw, self._scorer, self._prompts)

    def learn(self) -> dict[str, Learned]:
        """Let the stack's methods learn what they need from the plain pipe, on one batch.

        Raises:
            MeasurementError: If the pipeline fails, draws no pictures, or nothing can be learned.
        """
        with failing_plainly():
            learned = self._runner.learn(self._batches[0])
        for name, values in learned.items():
            if why := _why_not_kept(values):
                raise MeasurementError(f"{name} cannot be calibrated: {why}; leave {name} out")
        return learned

    def doubt(self, baseline: Baseline) -> str:
        """What to doubt about losses against a baseline, from `doubt_of`; often nothing."""
        return doubt_of(baseline.embeddings, self._prompts)

    def prove(self, baseline: Baseline) -> None:
        """Check on one batch that the pipe still draws the baseline's pictures.

        Raises:
            MeasurementError: If it does not.
        """
        self._runner.run_baseline(self._batches[0], baseline, TrialRecorder())

    def measure(
        self,
        point: Params,
        baseline: Baseline,
        hopeless: Hopeless | None = None,
        show: Show | None = None,
        timeout_s: float | None = None,
        every_pair: bool = False,
    ) -> Measurement:
        """Measure a point against the baseline.

        The first batch warms the accelerated pipe up and is scored. The others are timed in pairs
        with a baseline batch of the same prompts; the two take turns to go first, so that drift of
        the device's speed cancels. On a GPU a warm batch that is not timed shows the host-bound
        share: one that is only scored, or otherwise one more.

        Args:
            point: A value for every parameter of the stack.
            baseline: What `measure_baseline` returned under the same protocol.
            hopeless: Asked between batches once there is a pair; if it returns estimates, the
                measurement so far is returned with `stopped_early` and with these estimates.
            show: Called with the pictures of each pair once it is timed; do not keep the tensors,
                as they would count in the next batch's memory.
            timeout_s: Start no further batch after this many seconds.
            every_pair: Compare every picture with the baseline's, not only those of timed pairs.
                Baseline pictures that the pairs leave out are drawn once and kept.

        Raises:
            MeasurementError: If the pictures are degenerate, if the baseline's pictures have
                changed, or if it takes too long.
        """
        recorder = TrialRecorder(
            QualityRecorder(self._metrics),
            loss=self._loss,
            every_pair=every_pair,
            timeout_s=timeout_s,
        )
        self._runner.warm_up(self._batches[0], baseline, recorder)
        full, first = self._full_batches, self._batches[0]
        self._score(first, self._runner.run_point(first, point, recorder)[0], baseline, recorder)
        for index, batch in enumerate(self._batches[1:], start=1):
            self._draw(batch, point, baseline, recorder, show)
            if recorder.is_inert:
                return recorder.measurement(baseline, self._device)
            if hopeless is not None and recorder.latencies and batch is not self._batches[-1]:
                given_up = hopeless(recorder.partial(index + 1, len(self._batches)))
                if given_up is not None:
                    return recorder.measurement(baseline, self._device, given_up)
        while len(recorder.latencies) < MIN_PAIRS:
            self._draw(full[len(recorder.latencies) % len(full)], point, baseline, recorder, show)
        if self._device.type == "cuda" and recorder.gpu_bound is None and not recorder.is_late:
            self._runner.watch_point(full[0], point, recorder)
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
            before: What `measure` returned for the point, in full.
            point: The point.
            baseline: As in `measure`.
            timeout_s: As in `measure`.

        Raises:
            MeasurementError: As in `measure`.
        """
        recorder = TrialRecorder(timeout_s=timeout_s)
        full = self._full_batches
        self._runner.warm_up(self._batches[0], baseline, recorder)
        recorder.gpu_bound = before.gpu_bound
        self._runner.run_point(full[0], point, recorder)
        for pair in range(len(before.latencies_s)):
            self._runner.run_pair(full[(pair + 1) % len(full)], point, baseline, recorder)
        timing = recorder.timing(self._device)
        return before.model_copy(update=timing)

    @property
    def _full_batches(self) -> list[range]:
        """The batches that are timed: a last one with fewer prompts costs more per picture."""
        size = len(self._batches[0])
        return [batch for batch in self._batches if len(batch) == size]

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
            images, reference = self._runner.run_pair(batch, point, baseline, recorder)
            self._score(batch, images, baseline, recorder, reference)
            if show is not None:
                show(batch, reference, images, recorder.losses)
            return
        watches = is_full and recorder.gpu_bound is None
        run = self._runner.watch_point if watches else self._runner.run_point
        self._score(batch, run(batch, point, recorder)[0], baseline, recorder)

    def _score(
        self,
        batch: range,
        images: torch.Tensor,
        baseline: Baseline,
        recorder: TrialRecorder,
        reference: torch.Tensor | None = None,
    ) -> None:
        """Compute the metrics of a batch; all of them if the baseline's pictures are there too."""
        if recorder.every_pair:
            reference = self._runner.kept_baseline(batch, baseline, recorder, reference)
        with recorder.clock.phase("score"):
            refuse_degenerate(images)
            drawn = Drawn(
                prompts=[self._texts[place] for place in batch],
                prompt_embeddings=self._prompts[batch],
                embeddings=self._scorer.embed_images(images),
                baseline_embeddings=baseline.embeddings[batch],
                embed=self._embed,
                pictures=None if reference is None else images,
                baseline_pictures=reference,
            )
            recorder.quality.add(batch, drawn)


def _why_not_kept(learned: Learned) -> str:
    """Why a study cannot use what a method has learned; empty if it can."""
    if not learned:
        return (
            "between calls the blocks of this denoiser change by zero, or by no number that a "
            "study keeps"
        )
    # Negated, so that NaN counts as strange.
    strange = [value for value in learned if not abs(value) <= GREATEST]
    if not strange:
        return ""
    return (
        f"it learned {strange[0]:.3g} of this denoiser, and a study keeps numbers up to "
        f"{GREATEST:g}"
    )
