"""A plan's pipeline, prompts and scorer, loaded to draw pictures that nobody times."""

from __future__ import annotations

import torch
from torch import Tensor

from accel_space.method import Generate
from objectives.generation import batches_of, generate_pictures
from objectives.pipelines.loading import load_conditioning, load_pipeline
from objectives.pipelines.schedulers import make_scheduler
from objectives.quality.scorer import Scorer
from studies.plan import Plan


class Drawing:
    """What draws all prompts of a plan, each from its own seed."""

    def __init__(self, plan: Plan) -> None:
        """Load the plan's models."""
        self._plan = plan
        where = (plan.protocol.dtype, plan.device)
        self._conditioning = load_conditioning(plan.entry, plan.model, plan.prompts, *where)
        self.pipe = load_pipeline(plan.entry, plan.model, *where)
        self.pipe.scheduler = make_scheduler(
            plan.combination.scheduler, self.pipe.scheduler.config, plan.scheduler_settings
        )
        self.scorer = Scorer(plan.scorer, plan.device)

    def draw(self, generate: Generate) -> Tensor:
        """Pictures of all prompts, shape (prompts, 3, height, width), values 0 to 1."""
        plan = self._plan
        drawn = [
            generate_pictures(
                generate, self._conditioning, batch, plan.protocol, plan.combination.steps,
                plan.entry.call,
            )
            for batch in batches_of(len(plan.prompts), plan.protocol.batch_size)
        ]  # fmt: skip
        return torch.cat(drawn).float()
