"""What a script promises, and the verdict on whether it keeps the promise."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.tasks.task_files import read_again
from objectives.errors import InputError
from objectives.files import require_regular
from objectives.statistics import Estimate
from storage.database.scripts import tasks_of

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True)
class Promise:
    """What a script says about itself.

    Attributes:
        script: The script.
        study: Name of its study.
        trial: Number of its trial.
        model: The folder or address that it loads by default.
        revision: The commit of an address; None if it pins none.
        loras: The paths of the LoRAs that it loads.
    """

    script: Path
    study: str
    trial: int
    model: str
    revision: str | None = None
    loras: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Whether a script keeps its promise.

    Attributes:
        script: The script.
        promise: The promise; None if it makes none that can be read.
        expected: The trial's speedup, as it is judged; None if the trial is not found.
        equal: Whether its pictures are the trial's, bit for bit; None if it does not run.
        psnr_db: The lowest PSNR of its pictures.
        measured: Its speedup here and now; None if it does not run.
        latency: Its seconds per picture, in batches of the study's size; None if it does not run.
        asked_s: The most seconds per picture that a task asked of its trial; None if none did.
        disturbed: What disturbed the timing, named as in a trial's `disturbed`.
        broken: Which promise it breaks, and by how much; empty if it keeps all.
        note: What could not be judged; empty if everything could.
    """

    script: Path
    promise: Promise | None = None
    expected: Estimate | None = None
    equal: bool | None = None
    psnr_db: float | None = None
    measured: Estimate | None = None
    latency: Estimate | None = None
    asked_s: float | None = None
    disturbed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """One entry of `verify --json`."""
        promise, measured, expected = self.promise, self.measured, self.expected
        return {
            "script": str(self.script),
            "study": promise and promise.study,
            "trial": promise and promise.trial,
            "kept": not self.broken,
            "broken": list(self.broken),
            "note": self.note,
            "pictures_equal": self.equal,
            "psnr_db": self.psnr_db,
            "speedup": measured and measured.value,
            "speedup_ci": measured and [measured.low, measured.high],
            "trial_speedup": expected and expected.value,
            "trial_speedup_ci": expected and [expected.low, expected.high],
            "latency_s": self.latency and self.latency.value,
            "latency_ci_s": self.latency and [self.latency.low, self.latency.high],
            "asked_latency_s": self.asked_s,
            "disturbed": list(self.disturbed),
        }


def read_promise(script: Path) -> Promise:
    """Read what a script says about itself, without running it.

    Raises:
        InputError: If the file is not a script that accelfront wrote.
    """
    try:
        require_regular(script)
        tree = ast.parse(script.read_bytes())
    except OSError as error:
        raise InputError(
            f"cannot read the script {script}: {error.strerror}; give a script that `accelfront "
            "generate` wrote"
        ) from error
    except (SyntaxError, ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
        raise InputError(
            f"{script} is not a Python script{where}; give one that `accelfront generate` wrote"
        ) from error
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    match constants:
        case {"STUDY": str(study), "TRIAL": int(trial), "MODEL": str(model)}:
            revision = constants.get("REVISION")
            if revision is None or isinstance(revision, str):
                return Promise(script, study, trial, model, revision, _loras(tree))
        case {"STUDY": str(), "MODEL": str()}:
            raise InputError(
                f"{script} is a service, of several trials; verify holds scripts and modules, so "
                "write its trials with --as script"
            )
    raise InputError(
        f"{script} names no STUDY, TRIAL and MODEL, so accelfront did not write it; "
        "`accelfront generate` writes scripts"
    )


def _loras(tree: ast.Module) -> tuple[Path, ...]:
    """The paths of LoRAs among a script's constants."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="LORAS")], value=ast.Tuple(elts=entries)):
                return tuple(
                    Path(path)
                    for entry in entries
                    if isinstance(entry, ast.Tuple) and isinstance(entry.elts[0], ast.Constant)
                    if isinstance(path := entry.elts[0].value, str)
                )
    return ()


def asked_latency(engine: Engine, promise: Promise) -> float | None:
    """The most seconds per picture that a task asked of a script's trial; None if none did.

    Args:
        engine: Of the database that records the tasks that scripts were written for.
        promise: What the script says about itself.
    """
    asked = []
    for text in tasks_of(engine, promise.study, promise.trial):
        try:
            asked.append(read_again(text).latency_s)
        except InputError:
            # An earlier release could read it, and this one cannot.
            continue
    return min((seconds for seconds in asked if seconds is not None), default=None)
