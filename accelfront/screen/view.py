"""The live views of a running study and of a running sweep, on stderr."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from accelfront.screen.terminal import console
from storage.records.points import point_text

if TYPE_CHECKING:
    from studies.engines.results import WorkerStatus
    from studies.run.progress import Progress


class _View:
    """Redrawn in place on a terminal; elsewhere each change is printed on a line."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._console = console(stderr=True)
        self._live = Live(console=self._console, transient=True, refresh_per_second=4)
        self._noted: set[str] = set()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def tell(self, line: str) -> None:
        """Print a line that stays."""
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)

    def note(self, progress: Progress) -> None:
        """Print notes on what is measured, each line once."""
        for line in progress.notes:
            if line not in self._noted:
                self.tell(line)
                self._noted.add(line)


class StudyView(_View):
    """Shows the progress of one study."""

    def __init__(self, title: str) -> None:
        """Show nothing yet.

        Args:
            title: The study's name.
        """
        super().__init__()
        self._title = title
        self._titled = False
        self._shown = ""

    def tell(self, line: str) -> None:
        """Print a line that stays, the first one below the title."""
        # Not on entering: if a storage cannot be opened, only the error remains.
        if not (self._titled or self._console.is_terminal):
            super().tell(self._title)
        self._titled = True
        super().tell(line)

    def __call__(self, progress: Progress) -> None:
        """Show a change."""
        self.note(progress)
        if self._console.is_terminal:
            self._live.update(_panel(self._title, progress))
            return
        line = _line(progress)
        if line != self._shown:
            self.tell(line)
            self._shown = line


class SweepView(_View):
    """Shows the state of all workers of a sweep."""

    def __init__(self) -> None:
        """Show nothing yet."""
        super().__init__()
        self._statuses: dict[int, WorkerStatus] = {}
        self._shown: set[tuple[str, str]] = set()

    def __call__(self, status: WorkerStatus) -> None:
        """Show the state of one worker."""
        self._statuses[status.worker] = status
        if status.progress is not None:
            self.note(status.progress)
        if self._console.is_terminal:
            self._live.update(
                Group(*(self._part(each) for _, each in sorted(self._statuses.items())))
            )
            return
        title = _prefix(status) + status.title
        self._tell_once(title, title)
        if status.progress is not None:
            line = _line(status.progress)
            self._tell_once(title, f"{title}: {line}" if status.worker else line)

    def _tell_once(self, title: str, line: str) -> None:
        if (title, line) not in self._shown:
            self.tell(line)
            self._shown.add((title, line))

    def _part(self, status: WorkerStatus) -> Group:
        """One worker's part: everything about a lone one, two lines for one of several."""
        progress = status.progress
        title = _prefix(status) + status.title
        if progress is None:
            return Group(Text(title, style="bold"))
        if len(self._statuses) == 1:
            return _panel(title, progress)
        return Group(
            Text(title, style="bold"), _bar(progress), Text(f"now   {progress.stage}", "dim")
        )


def _prefix(status: WorkerStatus) -> str:
    """A prefix that distinguishes workers; empty if there is only the command itself."""
    if not status.worker:
        return ""
    place = f" ({status.place})" if status.place else ""
    return f"worker {status.worker}{place}: "


def _panel(title: str, progress: Progress) -> Group:
    best = progress.found.best
    return Group(
        Text(title, style="bold"),
        _bar(progress),
        Text(f"found {_found(progress)}"),
        Text(f"      {point_text(best.params) if best else ''}"),
        Text(f"last  {progress.last or '-'}"),
        Text(f"now   {progress.stage}", style="dim"),
    )


def _bar(progress: Progress) -> Table:
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=progress.wanted, completed=progress.done, width=30),
        f"{progress.done}/{progress.wanted} points",
        _time_left(progress),
    )
    return bar


def _line(progress: Progress) -> str:
    if not progress.last:
        return progress.stage
    return (
        f"{progress.done}/{progress.wanted}  {progress.last}; "
        f"{_found(progress)}; {_time_left(progress)}"
    )


def _found(progress: Progress) -> str:
    words, over = progress.found.briefly, progress.vs_lossless
    best = progress.found.best
    if best is None or over is None or best.is_lossless:
        return words
    return f"{words}; trial {best.number} is {over:.2f} times as fast as the best lossless point"


def _time_left(progress: Progress) -> str:
    seconds = progress.left_s
    if seconds is None:
        return ""
    return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"
