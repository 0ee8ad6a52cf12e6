"""The live view of a running study, on stderr."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from accel_space.stack import point_key

if TYPE_CHECKING:
    from studies.runner import Progress


class StudyView:
    """Shows a study's progress: redrawn on a terminal, else a line for each change of result."""

    def __init__(self, title: str) -> None:
        """Show nothing yet.

        Args:
            title: The study's name.
        """
        self._title = title
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, transient=True, refresh_per_second=4)
        self._shown = ""

    def __enter__(self) -> StudyView:
        if self._console.is_terminal:
            self._live.start()
        else:
            self._console.print(self._title, soft_wrap=True, highlight=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Show a change."""
        if self._console.is_terminal:
            self._live.update(self._panel(progress))
            return
        line = self._line(progress)
        if line != self._shown:
            self._console.print(line, soft_wrap=True, highlight=False)
            self._shown = line

    def _panel(self, progress: Progress) -> Group:
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            ProgressBar(total=progress.wanted, completed=progress.done, width=30),
            f"{progress.done}/{progress.wanted} points",
            _time_left(progress),
        )
        return Group(
            Text(self._title, style="bold"),
            bar,
            Text(f"best  {_best(progress)}"),
            Text(f"      {point_key(progress.best.params) if progress.best else ''}"),
            Text(f"last  {progress.last or '-'}"),
            Text(f"now   {progress.stage}", style="dim"),
        )

    def _line(self, progress: Progress) -> str:
        if not progress.last:
            return progress.stage
        return (
            f"{progress.done}/{progress.wanted}  {progress.last}; "
            f"best {_best(progress)}; {_time_left(progress)}"
        )


def _best(progress: Progress) -> str:
    best = progress.best
    if best is None:
        return f"none inside the loss budget of {progress.loss_budget:.1%} yet"
    return f"{best.speedup:.2f}x, loss {best.clip_loss:.1%} (trial {best.number})"


def _time_left(progress: Progress) -> str:
    if not progress.trial_s:
        return ""
    seconds = progress.trial_s * (progress.wanted - progress.done)
    return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"
