"""Checking a script against the trial that it was written from."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from accel_space.applying import find_methods
from generator.artefacts.promise import Promise, Verdict, asked_latency, read_promise
from generator.artefacts.script_run import Job, ScriptRun
from generator.artefacts.source import find_source
from objectives.errors import InputError
from objectives.model_files.fingerprint import file_fingerprint, is_loaded, split_fingerprint
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.loras import find_lora
from objectives.pipelines.model import find_model
from objectives.prompts import draw_prompts, prompts_fingerprint, read_prompts
from objectives.statistics import Estimate, latency, speedup
from objectives.timing.device import device_name, find_device
from storage.records.study import Study
from storage.records.trial import Trial

if TYPE_CHECKING:
    from sqlalchemy import Engine

LEAST_PSNR_DB = 40.0
"""On CUDA, where kernels sum in varying order, pictures count as the same from this PSNR up."""


def judge(
    script: Path,
    studies: Mapping[str, Study],
    engine: Engine,
    model: str | None,
    prompts: Path | None,
    device: str,
) -> Verdict:
    """Give a verdict on any file, so that one that cannot be checked does not stop the others.

    Args:
        script: The file.
        studies: As for `verify`, like all arguments below.
        engine: Of the database that records the tasks that scripts were written for.
        model: The model.
        prompts: The file of prompts.
        device: The device.
    """
    promise = None
    try:
        promise = read_promise(script)
        asked_s = asked_latency(engine, promise)
        return verify(promise, studies, model, prompts, device, asked_s)
    except (ValueError, RuntimeError, OSError) as error:
        # Our errors, and those of torch and the Hub, if a script, study or model has changed.
        return Verdict(script, promise, broken=(" ".join(str(error).split()),))


def verify(
    promise: Promise,
    studies: Mapping[str, Study],
    model: str | None,
    prompts: Path | None,
    device: str,
    asked_s: float | None = None,
) -> Verdict:
    """Run a script in a fresh process and compare its pictures and its speed with its trial.

    It draws the protocol's first batch with the study's seeds. Its pictures must equal those of
    the trial's stack: bit for bit on a CPU, with at least `LEAST_PSNR_DB` on CUDA. Its speedup is
    measured in pairs with the unaccelerated pipeline. It is kept if its interval overlaps that of
    the trial or lies above it. The seconds per picture that a task asked for are kept if the low
    end of the measured interval, in batches of the study's size, is no higher. On a device
    other than the study's no speed was promised, so it is only measured.

    Args:
        promise: What the script says about itself.
        studies: The studies of the database, by name.
        model: The folder or address to load; None means the script's own.
        prompts: The study's file of prompts; None means the pipeline's.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        asked_s: The most seconds per picture that a task asked for; None if none did.

    Raises:
        InputError: If there is no such study, trial or device, or the script needs a GPU, or the
            model or the prompts are not those that were measured.
    """
    study, trial = _find_trial(promise, studies)
    low, high = trial.judged.speedup_ci
    expected = Estimate(trial.judged_speedup, low, high)
    where = find_device(device)
    _check_device(study, where.type)
    job = _job(promise, study, trial, model, prompts, str(where))
    script_run = _run_script(job)
    if isinstance(script_run, str):
        return Verdict(
            promise.script, promise, expected, broken=(f"it does not run: {script_run}",)
        )
    # From its own pairs alone: the trial's interval already covers how much runs differ.
    measured = speedup(script_run.baseline_latencies_s, script_run.latencies_s)
    taken = latency(script_run.latencies_s)
    same_device = device_name(where) == study.device
    broken = [_pictures_differ(script_run, exactly=where.type == "cpu")]
    if same_device:
        broken += [
            _is_slower(measured, expected, script_run.disturbed),
            _takes_longer(taken, asked_s, len(job.prompts), script_run.disturbed),
        ]
    return Verdict(
        promise.script,
        promise,
        expected,
        equal=script_run.equal,
        psnr_db=min(script_run.psnr_db),
        measured=measured,
        latency=taken,
        asked_s=asked_s,
        disturbed=tuple(script_run.disturbed),
        broken=tuple(filter(None, broken)),
        note="" if same_device else f"its speed was promised on {study.device} only",
    )


def _find_trial(promise: Promise, studies: Mapping[str, Study]) -> tuple[Study, Trial]:
    study = studies.get(promise.study)
    trials = [] if study is None else [t for t in study.trials if t.number == promise.trial]
    if study is None or not trials:
        raise InputError(
            f"{promise.script} is of trial {promise.trial} of {promise.study}, which this storage "
            "does not hold; give the --storage that it was written from"
        )
    return study, trials[0]


def _check_device(study: Study, kind: str) -> None:
    methods = find_methods(study.combination.methods)
    needing = [method.name for method in methods if method.needs_gpu]
    if kind == "cpu" and needing:
        raise InputError(
            f"scripts of {study.name} need a GPU for {' and '.join(needing)}, and the device is "
            "cpu; verify them on a machine with a GPU, with --device cuda"
        )


def _job(
    promise: Promise,
    study: Study,
    trial: Trial,
    given: str | None,
    prompts: Path | None,
    device: str,
) -> Job:
    protocol = study.protocol
    entry = find_pipeline(study.combination.pipeline)
    model = given or promise.model
    revision = promise.revision if model == promise.model else None
    found = find_model(entry, model, revision)
    if is_loaded(protocol.model):
        find_source(study, model)
    elif not found.is_measured(protocol.model):
        raise InputError(
            f"{study.name} measured the model {protocol.model}, but {model} is {found.name}; "
            "give the measured model with --model"
        )
    path = prompts or entry.prompts
    some = draw_prompts(read_prompts(path), protocol.prompts_seed)[: protocol.num_samples]
    if prompts_fingerprint(some) != protocol.prompts.rpartition("@")[2]:
        raise InputError(
            f"{study.name} was measured with the prompts {protocol.prompts}, but {path} "
            "holds others; give --prompts FILE"
        )
    loras = tuple(find_lora(path, 1.0).path for path in promise.loras)
    if [file_fingerprint(path) for path in loras] != [
        split_fingerprint(lora.name)[1] for lora in protocol.loras
    ]:
        measured = ", ".join(lora.name for lora in protocol.loras) or "no LoRA"
        raise InputError(
            f"{study.name} measured {measured}, and {promise.script} loads "
            f"{', '.join(map(str, loras)) or 'none'}; write the script anew with generate"
        )
    return Job(
        script=promise.script.resolve(),
        combination=study.combination,
        scheduler_settings=study.scheduler_settings,
        params=trial.params,
        learned=study.learned,
        protocol=protocol,
        prompts=some[: protocol.batch_size],
        model=model,
        revision=revision,
        loras=loras,
        device=device,
    )


def _run_script(job: Job) -> ScriptRun | str:
    """The results of the script, or the last line of its error."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "script-run.json"
        # -P: a file next to the script must not be imported in place of a library.
        done = subprocess.run(
            [sys.executable, "-P", "-m", f"{__package__}.script_run", out],
            input=job.model_dump_json(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return ScriptRun.model_validate_json(out.read_text(encoding="utf-8"))
    said = done.stderr.strip().splitlines()
    return said[-1] if said else f"its process ended with {done.returncode}"


def _pictures_differ(script_run: ScriptRun, exactly: bool) -> str:
    """How far the pictures are from the trial's; empty if they are the same."""
    least = min(script_run.psnr_db)
    if script_run.equal or (not exactly and least >= LEAST_PSNR_DB):
        return ""
    wanted = "they must be equal" if exactly else f"{LEAST_PSNR_DB:g} dB is the least"
    return f"its pictures are not the trial's pictures: PSNR {least:.1f} dB, and {wanted}"


def _is_slower(measured: Estimate, expected: Estimate, disturbed: Sequence[str]) -> str:
    """How far the speedup falls short; empty if it is kept."""
    if measured.high >= expected.low:
        return ""
    missing = 1 - measured.value / expected.low
    return (
        f"it is {measured.value:.2f}x as fast as the baseline ({measured.low:.2f} to "
        f"{measured.high:.2f}), {missing:.0%} less than the trial's {expected.low:.2f} to "
        f"{expected.high:.2f}{_excuse(disturbed)}"
    )


def _takes_longer(
    taken: Estimate, asked_s: float | None, batch_size: int, disturbed: Sequence[str]
) -> str:
    """How much longer a picture takes than a task asked for; empty if it does not."""
    if asked_s is None or taken.low <= asked_s:
        return ""
    return (
        f"it takes {taken.value:.3g} s per picture ({taken.low:.3g} to {taken.high:.3g}) in "
        f"batches of {batch_size}, {taken.value / asked_s - 1:.0%} more than the "
        f"{asked_s:g} s that a task asked for{_excuse(disturbed)}"
    )


def _excuse(disturbed: Sequence[str]) -> str:
    if not disturbed:
        return ""
    return f"; disturbed ({', '.join(disturbed)}), so try again on an idle machine"
