"""Results that many processes draw in pieces, and that are kept after each."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from benchmarks.shared.device_pool import made_of
from benchmarks.shared.result_files import keep_results, results_path

Piece = TypeVar("Piece")

Drawn = tuple[dict[str, str], list[dict[str, Any]]]
"""The libraries' versions, and the points of a piece; no points if the time ran out first."""


@dataclass(frozen=True)
class InPieces(Generic[Piece]):
    """A kind of results.

    Attributes:
        name: Their name.
        kind: Their word for pieces.
        name_of: Names a piece in them.
        as_markdown: Writes their page.
    """

    name: str
    kind: str
    name_of: Callable[[Piece], str]
    as_markdown: Callable[[dict[str, Any]], str]

    def begun(self, out: Path, about: Mapping[str, Any]) -> dict[str, Any]:
        """Results drawn before; empty if those were for other settings or another device.

        Args:
            out: A folder.
            about: The settings and the device of the results.
        """
        path = results_path(self.name, out)
        if path.exists():
            results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if about.items() <= results.items():
                return results
        today = datetime.now(UTC).date().isoformat()
        return {"date": today, **about, "versions": {}, self.kind: {}}

    def draw_lacking(
        self,
        results: dict[str, Any],
        pieces: Sequence[Piece],
        draw: Callable[[Piece, str], Drawn],
        options: Any,
    ) -> None:
        """Draw the missing pieces of results, and keep the results after each.

        Args:
            results: The results that `begun` returned.
            pieces: All that there are.
            draw: Draws a piece on a device; found by name in each process.
            options: Those of `add_pool_options`, and `out`.
        """
        kept = results[self.kind]
        results["wanted"] = len(pieces)
        waiting = [piece for piece in pieces if self.name_of(piece) not in kept]
        # In random order, so that a run that is cut off has seen a bit of everything.
        random.Random(0).shuffle(waiting)
        for piece, (versions, points) in made_of(waiting, draw, options.devices, options.processes):
            if not points:
                continue
            results["versions"] |= versions
            kept[self.name_of(piece)] = points
            keep_results(self.name, results, self.as_markdown(results), options.out)
            print(f"{self.name_of(piece)}: {len(points)} points", flush=True)
        print(f"{len(kept)} of {len(pieces)} {self.kind}")
