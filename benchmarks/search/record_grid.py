"""Record complete grids: every point of a combination's space, for the replay benchmark.

    python -m benchmarks.search.record_grid --methods deepcache,tgate --steps 20 --seconds 600

generates the protocol's prompts for one point after the other, in random order, and adds a line
for each to a file of parts; the same command resumes there. `--shard 0/4` to `3/4` let four GPUs
share a grid. `--collect` puts the parts together into `benchmarks/tables/<combination>.npz`, with
`--scores-only` if several processes shared a GPU, so that the latencies are worthless.

If a point has several batches, the first warms it up and the others are timed. With them is kept
the latency of the last measured baseline batch, one every few points; `--baseline-every 2` allows
comparisons within a percent or two. A table of random weights (`--model FOLDER`) holds valid
latencies and meaningless scores.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from accel_space.method import Generate, Params
from accelfront.cli.process import prepare_process
from benchmarks.shared.asked_plan import asked_plan
from benchmarks.shared.grid_table import TABLES, GridTable, save_table
from benchmarks.shared.result_files import out_folder
from objectives.generation import generate_pictures
from objectives.pipelines.conditioning import Conditioning
from objectives.pipelines.loading import load_conditioning, load_pipeline
from objectives.pipelines.schedulers import make_scheduler
from objectives.quality.metric import Embeddings
from objectives.quality.scorer import Scorer, clip_scores
from objectives.timing.device import timed
from storage.records.points import point_key
from studies.plan import Plan
from studies.request import StudyRequest

BASELINE_EVERY = 8
"""Points between two baseline batches without `--baseline-every`: a device's speed
drifts within minutes."""

ORDER_SEED = 0


def main() -> None:
    """Record points until all are done or the time is up, or collect what was recorded."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipeline", default="tiny-shapes")
    parser.add_argument("--model", help="a folder in diffusers layout")
    parser.add_argument("--scorer", help="the scorer of such a model")
    parser.add_argument("--scheduler", default="DDIM")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--methods", required=True, help="such as deepcache,tgate")
    parser.add_argument("--num-samples", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--points", type=int, help="only so many points of the random order")
    parser.add_argument("--shard", default="0/1", help="this process's share, such as 0/4")
    parser.add_argument("--seconds", type=float, default=3600, help="start no point after these")
    parser.add_argument("--baseline-every", type=int, default=BASELINE_EVERY, metavar="POINTS")
    parser.add_argument("--parts", type=Path, default=Path("grid-parts"))
    parser.add_argument("--collect", action="store_true")
    parser.add_argument("--scores-only", action="store_true", help="leave the latencies out")
    parser.add_argument("--out", type=out_folder, default=TABLES)
    options = parser.parse_args()
    if options.baseline_every < 1:
        parser.error(f"--baseline-every is 1 point at least, and not {options.baseline_every}")
    prepare_process()
    plan = asked_plan(
        StudyRequest(
            pipeline=options.pipeline,
            model=options.model,
            scorer=options.scorer,
            scheduler=options.scheduler,
            steps=options.steps,
            methods=tuple(options.methods.split(",")),
            trials=1,
            num_samples=options.num_samples,
            batch_size=options.batch_size,
            device=options.device,
        )
    )
    folder = options.parts / plan.combination.name
    if options.collect:
        print(save_table(collect(folder, options.scores_only), options.out))
        return
    shard, shards = map(int, options.shard.split("/"))
    order = plan.stack.points
    random.Random(ORDER_SEED).shuffle(order)
    points = order[: options.points][shard::shards]
    path = folder / f"{shard}.jsonl"
    record(plan, points, path, options.seconds, options.baseline_every)


@dataclass(frozen=True)
class Recorder:
    """A loaded pipeline, and the scorer of its pictures."""

    plan: Plan
    pipe: Any
    conditioning: Conditioning
    scorer: Scorer
    prompts: Embeddings

    @classmethod
    def load(cls, plan: Plan) -> Recorder:
        """Load what the plan needs."""
        where = (plan.protocol.dtype, plan.device)
        scorer = Scorer(plan.scorer, plan.device)
        conditioning = load_conditioning(plan.entry, plan.model, plan.prompts, *where)
        pipe = load_pipeline(plan.entry, plan.model, *where)
        pipe.scheduler = make_scheduler(
            plan.combination.scheduler, pipe.scheduler.config, plan.scheduler_settings
        )
        return cls(plan, pipe, conditioning, scorer, scorer.embed_prompts(plan.prompts))

    def at(self, point: Params) -> tuple[Embeddings, list[float]]:
        """Embed all pictures of a point: shape (prompts, width), and seconds per picture timed."""
        with self.plan.stack.applied(self.pipe, point) as generate:
            return self.draw(generate)

    def draw(self, generate: Generate) -> tuple[Embeddings, list[float]]:
        """Embed all pictures that a call makes, and time its batches but the first."""
        embeddings, latencies = [], []
        count, size = len(self.plan.prompts), self.plan.protocol.batch_size
        for start in range(0, count, size):
            indices = range(start, min(start + size, count))
            call = partial(
                generate_pictures,
                generate,
                self.conditioning,
                indices,
                self.plan.protocol,
                self.plan.request.steps,
                self.plan.entry.call_at(self.plan.protocol.guidance_scale),
            )
            images, seconds = timed(self.plan.device, call)
            embeddings.append(self.scorer.embed_images(images))
            latencies.append(seconds / len(indices))
        return np.concatenate(embeddings), latencies[1:] or latencies


def record(
    plan: Plan,
    points: list[dict[str, Any]],
    path: Path,
    seconds: float,
    baseline_every: int = BASELINE_EVERY,
) -> None:
    """Measure points and add each to a file; points that it already holds are skipped."""
    deadline = time.monotonic() + seconds
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {point_key(line["point"]) for line in read_lines(path) if "point" in line}
    left = [point for point in points if point_key(point) not in known]
    recorder = Recorder.load(plan)
    recorder.draw(recorder.pipe)  # Warms it up.
    baseline, baseline_s = recorder.draw(recorder.pipe)
    with path.open("a", encoding="utf-8") as file:
        if not known:
            about = about_of(plan) | {"baseline": rounded(clip_scores(baseline, recorder.prompts))}
            file.write(json.dumps({"about": about}) + "\n")
        for count, point in enumerate(left):
            if time.monotonic() > deadline:
                break
            if count and count % baseline_every == 0:
                baseline_s = recorder.draw(recorder.pipe)[1]
            embeddings, latencies = recorder.at(point)
            line = {
                "point": point,
                "scores": rounded(clip_scores(embeddings, recorder.prompts)),
                "similarity": rounded((embeddings * baseline).sum(axis=1)),
                "latency_s": latencies,
                "baseline_latency_s": float(np.median(baseline_s)),
            }
            file.write(json.dumps(line) + "\n")
            file.flush()
            print(f"{count + 1} of {len(left)}: {point_key(point)}", flush=True)


def about_of(plan: Plan) -> dict[str, Any]:
    """What a table says about how it was recorded."""
    return {
        "combination": plan.combination.as_json(),
        "protocol": plan.protocol.as_json(),
        "environment": plan.environment.as_json(),
        "distinct": len(plan.stack.points),
        "date": datetime.now(UTC).date().isoformat(),
    }


def rounded(cosines: Any) -> list[float]:
    """Round to four decimals, as a table keeps them."""
    return [round(float(each), 4) for each in cosines]


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file of parts, without one that was cut off."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def collect(folder: Path, scores_only: bool) -> GridTable:
    """Put the parts of one combination together."""
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in read_lines(path)]
    about = next(line["about"] for line in lines if "about" in line)
    distinct = {point_key(line["point"]): line for line in lines if "point" in line}
    rows = list(distinct.values())
    repeats = 0 if scores_only else min(len(row["latency_s"]) for row in rows)

    def column(name: str) -> Any:
        return np.array([row[name] for row in rows], dtype=np.float32)

    table = GridTable(
        about=about,
        names=list(rows[0]["point"]),
        points=np.array([list(row["point"].values()) for row in rows], dtype=np.float32),
        scores=column("scores"),
        baseline_scores=np.array(about.pop("baseline"), dtype=np.float32),
        similarity=column("similarity"),
        latency_s=np.array([row["latency_s"][:repeats] for row in rows], dtype=np.float32),
        baseline_latency_s=column("baseline_latency_s"),
    )
    return replace(table, about=about | {"recorded": len(rows)})


if __name__ == "__main__":
    main()
