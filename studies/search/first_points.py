"""The points that are measured before a sampler is asked."""

from __future__ import annotations

from storage.database.opening import Store
from storage.records.trial import Point
from studies.plan import Plan
from studies.search.imported_points import imported_points
from studies.search.warm_start import warm_points


def first_points(plan: Plan, store: Store) -> list[Point]:
    """List the lossless point, imported points, then suggestions from studies of the stack's parts.

    The samplers for comparison take nothing from other studies.

    Args:
        plan: The study that is to start.
        store: Holds imported points and other studies.
    """
    lossless = plan.stack.lossless_default
    imported = imported_points(plan, store)
    if lossless is not None:
        imported = [lossless, *(point for point in imported if point != lossless)]
    if plan.request.sampler != "auto":
        return imported
    warm = warm_points(plan, store)
    return imported + [point for point in warm if point not in imported]
