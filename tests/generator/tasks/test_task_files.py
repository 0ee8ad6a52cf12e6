from __future__ import annotations

import json
from pathlib import Path

import pytest

from generator.tasks.task import Task, read_task
from generator.tasks.task_files import Unparsed, read_again, read_tasks
from generator.tasks.writing import task_json
from objectives.errors import InputError

SENTENCE = "SDXL, DDIM, 25 steps, DeepCache, at least 2x, loss at most 2%"


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def reasons(found: list[Task | Unparsed]) -> list[str | None]:
    return [entry.reason if isinstance(entry, Unparsed) else None for entry in found]


def test_a_text_file_holds_a_sentence_a_line(tmp_path: Path) -> None:
    path = write(tmp_path, "tasks.txt", f"\ufeff# wanted\n\n{SENTENCE}\r\nSD9\n  {SENTENCE}\n")
    first, bad, last = read_tasks(path)
    assert first == last == read_task(SENTENCE)
    assert isinstance(bad, Unparsed)
    assert bad.text == "SD9"
    assert '"SD9" is not known' in bad.reason


def test_a_jsonl_file_holds_objects_and_sentences(tmp_path: Path) -> None:
    lines = [
        f'"{SENTENCE}"',
        '{"pipeline": "SDXL", "scheduler": "ddim", "steps": 25, "methods": ["Deep Cache"], '
        '"speedup": 2, "latency_s": null, "loss_budget": "2%"}',
        '{"pipeline": "SDXL", "step": 25}',
        '{"pipeline": "SDXL", "pipeline": "SD1.5", "methods": "deepcache"}',
        '{"pipeline": "SDXL", "methods": "deepcache", "loss_budget": 2}',
        '{"pipeline": "SDXL", "methods": "deepcache", "steps": true}',
        '{"pipeline": "SDXL", "methods": "deepcache", "speedup": NaN}',
        '{"pipeline": "SDXL, 30 steps", "methods": "deepcache"}',
        '{"pipeline": "SDXL", "methods": "deepcache, 30 steps"}',
        '{"pipeline": "SDXL", "methods": "deepcache", "steps": "25%"}',
        "[1, 2]",
        "SDXL, DeepCache",
        "[" * 100_000,
        f'{{"steps": {"9" * 5000}}}',
        "[" * 1500,
    ]
    found = read_tasks(write(tmp_path, "tasks.jsonl", "\n".join(lines)))
    sentence, entry, *bad = found
    assert isinstance(sentence, Task)
    assert isinstance(entry, Task)
    assert task_json(sentence) == task_json(entry)
    expected = [
        'unknown key "step"; did you mean steps?',
        '"pipeline" is given twice',
        '"loss_budget: 2" must be a share',
        '"steps: true" cannot be read; write it like "steps": 25',
        '"speedup: nan"',
        '"pipeline: SDXL, 30 steps" must give pipeline and nothing else',
        '"methods: deepcache, 30 steps" must give methods and nothing else',
        '"steps 25%" mixes two things',
        "neither a sentence nor an entry with pipeline, scheduler",
        '"SDXL, DeepCache" is not JSON',
        "at most 2000 characters",
        "at most 2000 characters",
        "is not JSON",
    ]
    for reason, part in zip(reasons(list(bad)), expected, strict=True):
        assert reason is not None
        assert part in reason
        assert "\n" not in reason


def test_a_yaml_file_holds_a_list_of_entries_and_sentences(tmp_path: Path) -> None:
    content = f"""
- {SENTENCE}
- pipeline: SDXL
  scheduler: DDIM
  steps: 25
  methods: [deepcache]
  speedup: 2
- pipeline: SDXL
  pipeline: SD1.5
  methods: deepcache
- !!python/object/apply:os.system [echo hi]
- pipeline: SDXL
  methods: deepcache
  metods: tgate
- 3
- {{[a]: 1}}
- {{pipeline: SDXL, methods: &all [*all], steps: 0x{"f" * 1800}}}
- {{pipeline: SDXL, methods: deepcache, steps: 0x{"f" * 1800}}}
- pipeline: SDXL
  methods: deepcache + tgate
"""
    found = read_tasks(write(tmp_path, "tasks.yml", content))
    first, second, twice, tagged, unknown, number, unhashable, endless, huge, last = found
    assert isinstance(first, Task)
    assert isinstance(second, Task)
    assert task_json(first) == task_json(second)
    assert isinstance(last, Task)
    assert last.methods == ("deepcache", "tgate")
    bad = reasons([twice, tagged, unknown, number, unhashable, endless, huge])
    expected = (
        '"pipeline" is given twice',
        "os.system",
        "did you mean methods?",
        "neither a sentence",
        "unhashable",
        "more than 10,000 values",
        "steps should be a valid integer",
    )
    for reason, part in zip(bad, expected, strict=True):
        assert reason is not None
        assert part in reason
        assert "\n" not in reason


def test_every_task_can_be_written_to_a_file_and_read_back(tmp_path: Path) -> None:
    task = read_task("PixArt-Sigma, UniPC, 30 steps, ToMe, under 900 ms per image, loss 1%")
    path = write(tmp_path, "tasks.jsonl", json.dumps(task_json(task)))
    (again,) = read_tasks(path)
    assert isinstance(again, Task)
    assert task_json(again) == task_json(task)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("tasks.txt", b"", "holds no task"),
        ("tasks.txt", b"# nothing\n\n", "holds no task"),
        ("tasks.yaml", b"", "holds no task"),
        ("tasks.txt", b"\x89PNG\xff\xfe", "UTF-8"),
        ("tasks.txt", b"SDXL\0", "not text"),
        ("tasks.csv", b"SDXL", ".jsonl"),
        ("tasks.yaml", b"a: [", "is no YAML"),
        ("tasks.yaml", b"pipeline: SDXL", "YAML list of tasks"),
    ],
)
def test_a_file_that_holds_no_tasks_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_tasks(path)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder.txt"
    folder.mkdir()
    for path in (tmp_path / "none.txt", folder):
        with pytest.raises(InputError, match="cannot be read"):
            read_tasks(path)


def test_a_task_of_any_file_is_read_again_from_its_text(tmp_path: Path) -> None:
    (tmp_path / "tasks.yaml").write_text(
        "- SDXL, DeepCache, under 2 s per image\n"
        "- pipeline: SDXL\n  methods:\n    - deepcache\n    - tome\n  latency_s: 0.5\n"
        '- {pipeline: SDXL, methods: deepcache, latency_s: "800 ms"}\n'
        "-    methods: deepcache\n     pipeline: SDXL\n     latency_s: 3\n"
    )
    (tmp_path / "tasks.jsonl").write_text(
        '{"pipeline": "SDXL", "methods": "deepcache", "latency_s": 4}\n'
    )
    read = read_tasks(tmp_path / "tasks.yaml") + read_tasks(tmp_path / "tasks.jsonl")
    seconds = [read_again(task.text).latency_s for task in read]
    assert seconds == [2, 0.5, 0.8, 3, 4]


@pytest.mark.parametrize("text", ["", "no task", "a: b\n: c", "- x\n- y", "x\u2028- y", "{"])
def test_what_is_no_task_is_not_read_again(text: str) -> None:
    with pytest.raises(InputError):
        read_again(text)
