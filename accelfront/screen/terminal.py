"""Where text leaves for the terminal: a text from a database, file or person cannot steer it.

Escape sequences could rewrite the screen, and bidirectional controls could make a name look like
another. The streams themselves clean plain text and the one console cleans tables, so that no
command can forget it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.containers import Lines
from rich.segment import Segment
from rich.text import Text

STEERING = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f"
    "\\ud800-\\udfff\\ufeff\\ufff9-\\ufffb\\U000e0000-\\U000e007f]"
)
"""Control characters except newline and tab, Unicode's invisible format characters (its category Cf
and the line separators), and halves of surrogate pairs, which no stream can write."""

PIPE_WIDTH = 80
"""Columns if no terminal shows the output: the contents of a file depend on no window."""

JOINT = re.compile(r"[_@/=:]|(?<!=)(?<![0-9]e)[-+]|(?<![0-9])\.|\.(?![0-9])|(?<=[a-z0-9])(?=[A-Z])")
"""Where a word that is too long for a column may break: never within a number."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """Clean a text, so that it shows as it reads."""
    return STEERING.sub(REPLACEMENT, text)


def json_text(content: Any) -> str:
    """JSON that cleaning does not change: characters that would steer are escaped."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return STEERING.sub(lambda found: json.dumps(found.group())[1:-1], text)


class CleanStream:
    """A text stream that cleans whatever is written to it."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text, cleaned."""
        return self.stream.write(clean(text))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts, cleaned."""
        self.stream.writelines(map(clean, lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def clean_streams() -> Iterator[None]:
    """Clean everything that is printed meanwhile."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (CleanStream(stream) for stream in streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


class Words(Text):
    """Text whose words break within at a joint, such as that of a path, if they must."""

    def wrap(self, console: Console, width: int, **settings: Any) -> Lines:
        """Break words that are longer than a line after a joint, and all others as rich does."""
        places = [
            found.start() + place
            for found in re.finditer(r"\S+", self.plain)
            for place in _breaks(found[0], width)
            # Chinese breaks anywhere.
            if found[0].isascii() and not settings.get("no_wrap")
        ]
        broken = Text("\n", end=self.end).join(self.divide(places)) if places else self
        return Text.wrap(broken, console, width, **settings)


def _breaks(word: str, width: int) -> list[int]:
    """Where to break a word so that its parts fit: after the last joint that does."""
    places, start = [], 0
    joints = [found.end() for found in JOINT.finditer(word)]
    while len(word) - start > width:
        fitting = [joint for joint in joints if start < joint <= start + width]
        # Without a joint it breaks at the end of the line.
        start = fitting[-1] if fitting else start + width
        places.append(start)
    return places


class CleanConsole(Console):
    """rich's console; the only escape sequences that it writes are rich's own."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Clean everything except rich's own control sequences."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(clean(text), style)

    def render_str(self, text: str, **options: Any) -> Text:
        """Clean before columns are measured, and let words break at joints."""
        made = super().render_str(clean(text), **options)
        return Words(
            made.plain,
            style=made.style,
            justify=made.justify,
            overflow=made.overflow,
            no_wrap=made.no_wrap,
            end=made.end,
            tab_size=made.tab_size,
            spans=made.spans,
        )


def console(stderr: bool = False, **settings: Any) -> Console:
    """Return the console for tables, whose cells are text and no markup.

    Args:
        stderr: Write to stderr instead of stdout.
        settings: Other settings of rich's console.
    """
    stream = sys.stderr if stderr else sys.stdout
    # Bypasses the stream that cleans, which would remove rich's own sequences too.
    file = stream.stream if isinstance(stream, CleanStream) else stream
    made = CleanConsole(file=file, markup=False, emoji=False, **settings)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        # Otherwise it would be as wide as the window of stdin.
        made.width = PIPE_WIDTH
    return made
