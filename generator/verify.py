"""Holding a script against the trial that it was written of."""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.rehearsal import Job, Rehearsal
from objectives.catalogue import find_pipeline
from objectives.device import device_name, find_device
from objectives.errors import InputError
from objectives.files import require_regular
from objectives.model import find_model
from objectives.prompts import read_prompts
from objectives.protocol import Protocol, prompts_fingerprint
from objectives.statistics import Estimate, speedup
from storage.records import StudyRecord, TrialRecord

LEAST_PSNR_DB = 40.0
"""Pictures on CUDA, where kernels sum in another order each time, are the same from here on."""


@dataclass(frozen=True)
class Promise:
    """What a script says of itself.

    Attributes:
        script: The script.
        study: Name of its study.
        trial: Number of its trial.
        model: The folder or address that it loads by default.
        revision: The commit of an address; None if it pins none.
    """

    script: Path
    study: str
    trial: int
    model: str
    revision: str | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a script keeps its promise.

    Attributes:
        script: The script.
        promise: The promise; None if it makes none that can be read.
        expected: The trial's speedup, as it is judged; None if the trial is not found.
        equal: Whether its pictures are the trial's, bit for bit; None if it does not run.
        psnr_db: The least PSNR of one of its pictures.
        measured: Its speedup here and now; None if it does not run.
        disturbed: What disturbed that, as a trial's `disturbed` tells.
        broken: What it does not keep, and by how much; empty if it keeps its promise.
        note: What could not be judged; empty if all could.
    """

    script: Path
    promise: Promise | None = None
    expected: Estimate | None = None
    equal: bool | None = None
    psnr_db: float | None = None
    measured: Estimate | None = None
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
            "disturbed": list(self.disturbed),
        }


def read_promise(script: Path) -> Promise:
    """Read what a script says of itself; it is not run.

    Raises:
        InputError: If the file is no script that accelfront wrote.
    """
    try:
        require_regular(script)
        tree = ast.parse(script.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read the script {script}: {error.strerror}") from error
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InputError(f"{script} is no Python script: {error}") from error
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
                return Promise(script, study, trial, model, revision)
    raise InputError(
        f"{script} names no STUDY, TRIAL and MODEL, so accelfront did not write it; "
        "`accelfront generate` writes scripts"
    )


def judge(
    script: Path,
    studies: Mapping[str, StudyRecord],
    model: str | None,
    prompts: Path | None,
    device: str,
) -> Verdict:
    """Give a verdict on any file, so that one that cannot be held to a trial stops no others.

    Args:
        script: The file.
        studies: As `verify` takes them, as all that follows.
        model: The model.
        prompts: The file of prompts.
        device: The device.
    """
    promise = None
    try:
        promise = read_promise(script)
        return verify(promise, studies, model, prompts, device)
    except (ValueError, RuntimeError, OSError) as error:
        # What ours, torch and the Hub raise of a script, a study or a model that is not as it was.
        return Verdict(script, promise, broken=(" ".join(str(error).split()),))


def verify(
    promise: Promise,
    studies: Mapping[str, StudyRecord],
    model: str | None,
    prompts: Path | None,
    device: str,
) -> Verdict:
    """Run a script in a fresh process and hold its pictures and its speed against its trial.

    It draws the protocol's first batch with the study's seeds. Its pictures must be those of the
    trial's stack: bit for bit on a CPU, from `LEAST_PSNR_DB` on on CUDA. Its speedup is measured
    in pairs with the unaccelerated pipeline, and is kept if its interval reaches that of the trial
    or lies above it. On another device than the study's the speed was never
    promised, and is measured only.

    Args:
        promise: What the script says of itself.
        studies: The studies of the database, by name.
        model: The folder or address to load; None is the script's own.
        prompts: The study's file of prompts; None is the pipeline's.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        InputError: If there is no such study, trial or device, or the model or the prompts are not
            those that were measured.
    """
    study, trial = _find_trial(promise, studies)
    low, high = trial.judged["speedup_ci"]
    expected = Estimate(trial.judged_speedup, low, high)
    where = find_device(device)
    job = _job(promise, study, trial, model, prompts, str(where))
    rehearsal = _rehearse(job)
    if isinstance(rehearsal, str):
        return Verdict(promise.script, promise, expected, broken=(f"it does not run: {rehearsal}",))
    # Of its pairs alone: how far other runs differ is in the trial's interval.
    measured = speedup(rehearsal.baseline_latencies_s, rehearsal.latencies_s)
    same_device = device_name(where) == study.device
    broken = [_pictures_differ(rehearsal, exactly=where.type == "cpu")]
    broken += [_is_slower(measured, expected, rehearsal.disturbed)] if same_device else []
    return Verdict(
        promise.script,
        promise,
        expected,
        equal=rehearsal.equal,
        psnr_db=min(rehearsal.psnr_db),
        measured=measured,
        disturbed=tuple(rehearsal.disturbed),
        broken=tuple(filter(None, broken)),
        note="" if same_device else f"its speed was promised on {study.device} only",
    )


def _find_trial(
    promise: Promise, studies: Mapping[str, StudyRecord]
) -> tuple[StudyRecord, TrialRecord]:
    study = studies.get(promise.study)
    trials = [] if study is None else [t for t in study.trials if t.number == promise.trial]
    if study is None or not trials:
        raise InputError(
            f"{promise.script} is of trial {promise.trial} of {promise.study}, which this storage "
            "does not hold; give the --storage that it was written from"
        )
    return study, trials[0]


def _job(
    promise: Promise,
    study: StudyRecord,
    trial: TrialRecord,
    given: str | None,
    prompts: Path | None,
    device: str,
) -> Job:
    protocol = Protocol.model_validate(study.protocol)
    entry = find_pipeline(study.combination["pipeline"])
    model = given or promise.model
    revision = promise.revision if model == promise.model else None
    found = find_model(entry, model, revision)
    if not found.is_measured(protocol.model):
        raise InputError(
            f"{study.name} measured the model {protocol.model}, and {model} is {found.name}; "
            "give --model"
        )
    path = prompts or entry.prompts
    some = read_prompts(path)[: protocol.num_samples]
    if prompts_fingerprint(some) != protocol.prompts.rpartition("@")[2]:
        raise InputError(
            f"{study.name} was measured with the prompts {protocol.prompts}, and those of {path} "
            "are others; give --prompts FILE"
        )
    return Job(
        script=promise.script.resolve(),
        **study.combination,
        scheduler_settings=study.scheduler_settings,
        params=trial.params,
        protocol=protocol,
        prompts=some[: protocol.batch_size],
        model=model,
        revision=revision,
        device=device,
    )


def _rehearse(job: Job) -> Rehearsal | str:
    """What the script did, or what it died of."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rehearsal.json"
        # -P: what lies beside the script must not be imported in place of a library.
        done = subprocess.run(
            [sys.executable, "-P", "-m", "generator.rehearsal", out],
            input=job.model_dump_json(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return Rehearsal.model_validate_json(out.read_text(encoding="utf-8"))
    said = done.stderr.strip().splitlines()
    return said[-1] if said else f"its process ended with {done.returncode}"


def _pictures_differ(rehearsal: Rehearsal, exactly: bool) -> str:
    """How far the pictures are from the trial's; empty if they are the same."""
    least = min(rehearsal.psnr_db)
    if rehearsal.equal or (not exactly and least >= LEAST_PSNR_DB):
        return ""
    wanted = "equal" if exactly else f"within {LEAST_PSNR_DB:g} dB"
    return f"its pictures are not those of the trial: PSNR {least:.1f} dB, and not {wanted}"


def _is_slower(measured: Estimate, expected: Estimate, disturbed: Sequence[str]) -> str:
    """How much is missing of the speedup; empty if it is kept."""
    if measured.high >= expected.low:
        return ""
    missing = 1 - measured.value / expected.low
    why = f"; disturbed ({', '.join(disturbed)}), so try again on an idle machine"
    return (
        f"it is {measured.value:.2f}x as fast as the baseline ({measured.low:.2f} to "
        f"{measured.high:.2f}), {missing:.0%} less than the trial's {expected.low:.2f} to "
        f"{expected.high:.2f}{why if disturbed else ''}"
    )
