"""A bar that shows the progress of a search, in a notebook and on a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tqdm.auto import tqdm

from studies.run.progress import Progress


class Bar:
    """Shows the points measured, the results, and the current step."""

    def __init__(self, shown: bool) -> None:
        """Show nothing yet.

        Args:
            shown: Whether to show anything at all.
        """
        # The remaining time does not depend on points alone.
        layout = "{l_bar}{bar}| {n_fmt}/{total_fmt} points [{elapsed}{postfix}]"
        self._bar = tqdm(disable=not shown, bar_format=layout)
        self._noted: set[str] = set()
        self._shown = shown

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def __call__(self, progress: Progress) -> None:
        """Show a change."""
        if not self._shown:
            return
        for line in progress.notes:
            if line not in self._noted:
                self._noted.add(line)
                self.tell(line)
        self._bar.total = progress.wanted
        self._bar.n = progress.done
        self._bar.set_description_str(progress.stage, refresh=False)
        self._bar.set_postfix_str(progress.found.briefly)

    def tell(self, line: str) -> None:
        """Print a line that stays."""
        if self._shown:
            self._bar.write(line)
