"""BoTorch's qLogNEHVI with known noise: pip install '.[bench]'.

S. Daulton et al., Parallel Bayesian optimization of multiple noisy objectives with expected
hypervolume improvement (NeurIPS 2021), on the logarithmic scale of S. Ament et al. (NeurIPS 2023).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accel_space.stack import Stack
from benchmarks.search.rivals.rival import Rival, Told
from storage.records.budgets import Budgets
from storage.records.trial import Point

CANDIDATES = 600
"""Free points considered for each proposal, drawn at random if there are more."""

DRAWS = 64
"""Of the posterior."""

REACH = 1.96
"""Standard deviations that an interval at 95% reaches to either side."""


class NoisyHypervolume(Rival):
    """Takes the point with the greatest expected gain in hypervolume inside the budget.

    The variance of every figure is that of its interval, so it differs from point to point. The
    reference point is the baseline's speedup at the budget: nothing beyond it gains.
    """

    def __init__(self, stack: Stack, budgets: Budgets, first: Sequence[Point], seed: int) -> None:
        """See `Rival`; the seed determines the candidates and the posterior's draws."""
        super().__init__(stack, budgets, first)
        self._random = np.random.default_rng(seed)
        self._seed = seed

    def choose(self, told: Sequence[Told], free: Sequence[int]) -> int:
        """See `Rival.choose`."""
        import torch
        from botorch.acquisition.multi_objective.logei import (
            qLogNoisyExpectedHypervolumeImprovement,
        )
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import ModelListGP, SingleTaskGP
        from botorch.models.transforms import Standardize
        from botorch.sampling import SobolQMCNormalSampler
        from gpytorch.mlls import SumMarginalLogLikelihood

        places = [each.place for each in told]
        known = torch.tensor(self.coordinates[places])
        figures = torch.tensor([(each.speedup, -each.loss) for each in told], dtype=known.dtype)
        variances = torch.tensor([_variances(each) for each in told], dtype=known.dtype)
        model = ModelListGP(
            *(
                SingleTaskGP(
                    known, figures[:, [one]], variances[:, [one]], outcome_transform=Standardize(1)
                )
                for one in range(2)
            )
        )
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        gain = qLogNoisyExpectedHypervolumeImprovement(
            model,
            ref_point=[1.0, -self.budget],
            X_baseline=known,
            sampler=SobolQMCNormalSampler(torch.Size([DRAWS]), seed=self._seed),
            prune_baseline=True,
        )
        some = self._random.permutation(free)[:CANDIDATES]
        with torch.no_grad():
            gains = gain(torch.tensor(self.coordinates[some])[:, None])
        return int(some[int(gains.argmax())])


def _variances(told: Told) -> tuple[float, float]:
    """Variances of the speedup and of the loss."""
    ends = (told.measurement.speedup_ci, told.measurement.clip_loss_ci)
    speedup, loss = (((high - low) / 2 / REACH) ** 2 for low, high in ends)
    return speedup, loss
