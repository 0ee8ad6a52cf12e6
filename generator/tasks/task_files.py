"""Files of tasks: .txt, .jsonl and .yaml. One bad entry never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import dedent, indent

import yaml

from generator.tasks.lexer import quote
from generator.tasks.task import Task, load_json, read_entry, read_task
from objectives.errors import InputError
from objectives.files import read_text
from storage.foreign import ForeignTextError, compose_yaml, construct_yaml


@dataclass(frozen=True)
class Unparsed:
    """An entry that is not a task.

    Attributes:
        text: How it was written.
        reason: One line for users: the piece at fault and what was expected.
    """

    text: str
    reason: str


def read_tasks(path: Path) -> list[Task | Unparsed]:
    """Read all tasks of a file, in its order.

    A .txt file holds a sentence a line (empty lines and lines from `#` on are skipped), a .jsonl
    file an object or a string a line, a .yaml or .yml file a list of either.

    Raises:
        InputError: If the file cannot be read, is of another kind, or holds no task at all.
    """
    readers: dict[str, Callable[[str], Iterator[Task | Unparsed]]] = {
        ".txt": _sentences,
        ".jsonl": _json_lines,
        ".yaml": _yaml_items,
        ".yml": _yaml_items,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path} is not a task file; its name must end in {', '.join(readers)}")
    try:
        content = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"the task file {path} cannot be read: {reason}") from error
    if "\0" in content:
        raise InputError(f"the task file {path} cannot be read: it is not text")
    try:
        tasks = list(reader(content))
    except InputError as error:
        raise InputError(f"the task file {path} {error}") from error
    if not tasks:
        raise InputError(f"the task file {path} holds no task; write one per line")
    return tasks


def read_again(text: str) -> Task:
    """Read a task from its text alone, as `Task.text` keeps it, whatever file it was in.

    Raises:
        InputError: If it is not a task, or no longer one.
    """
    try:
        return read_task(text)
    except InputError:
        first, _, others = text.partition("\n")
        # The first line of a YAML item was cut off after its dash.
        item = next(_yaml_items(f"- {first}\n{indent(dedent(others), '  ')}"), None)
        if isinstance(item, Task):
            return item
        raise


def _sentences(content: str) -> Iterator[Task | Unparsed]:
    for line in _lines(content):
        if not line.startswith("#"):
            yield _attempt(line, partial(read_task, line))


def _json_lines(content: str) -> Iterator[Task | Unparsed]:
    for line in _lines(content):
        yield _attempt(line, partial(_read_json, line))


def _yaml_items(content: str) -> Iterator[Task | Unparsed]:
    try:
        root = compose_yaml(content)
    except ForeignTextError as error:
        raise InputError(str(error)) from error
    if root is None:
        return
    if not isinstance(root, yaml.SequenceNode):
        raise InputError("must hold a YAML list of tasks, each after a '-'")
    for node in root.value:
        text = _written(content, node)
        yield _attempt(text, partial(_read_yaml, node, text))


def _read_json(line: str) -> Task:
    return read_entry(load_json(line), line)


def _read_yaml(node: yaml.Node, text: str) -> Task:
    """Build one item alone, so that an error in it affects no other."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise InputError(f"{quote(key)} is given twice; keep one")
    try:
        entry = construct_yaml(node)
    except ForeignTextError as error:
        raise InputError(f"{quote(text)} is not an entry: {error}") from error
    return read_entry(entry, text)


def _written(content: str, node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    return content[node.start_mark.index : node.end_mark.index].strip()


def _attempt(text: str, read: Callable[[], Task]) -> Task | Unparsed:
    try:
        return read()
    except InputError as error:
        return Unparsed(text, str(error))


def _lines(content: str) -> Iterator[str]:
    # Not splitlines, which also splits at line breaks inside JSON strings.
    return (line.strip() for line in content.split("\n") if line.strip())
