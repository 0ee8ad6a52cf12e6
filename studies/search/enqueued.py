"""Points that somebody enqueued through Optuna, in place of the sampler's own."""

from __future__ import annotations

from dataclasses import replace

from accel_space.stack import Stack
from studies.search.imported_points import point_in_space
from studies.search.samplers import Proposal


def as_enqueued(stack: Stack, proposal: Proposal) -> Proposal:
    """Return the proposal with its trial's actual point, which may be an enqueued one.

    Optuna hands an enqueued trial to whoever asks next, and does not tell the sampler that chose a
    point for it.

    Raises:
        RefusedError: If the enqueued parameters are no point of the study's space.
    """
    return replace(proposal, point=point_in_space(stack, proposal.trial.params))
