"""Install accelfront as the README says into a fresh environment that has torch.

    python -m benchmarks.packaging.fresh_install --torch 2.8.0

Compares torch and its dependencies before and after, then runs every command there: nothing that
only development needs is installed. Needs a package index, and about 8 GB of room.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from accelfront.cli.app import COMMANDS
from benchmarks.shared.result_files import keep_results, results_parser

ROOT = Path(__file__).parents[2]

RUNS = (
    "study --methods deepcache --steps 6 --trials 3 --num-samples 8 --batch-size 1",
    "studies", "front", "bounds", "tasks", "export", "report", "doctor",
    "generate 'tiny-shapes, DDIM, 6 steps, DeepCache, at least 1x'",
)  # fmt: skip
"""Each as people type it; 3 is the exit code if no point is good enough for a task."""


def readme_command() -> str:
    """The command that adds accelfront to an environment, from the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [command] = re.findall(r"^python -m pip install \. .*$", text, re.MULTILINE)
    return str(command)


@dataclass(frozen=True)
class Outcome:
    """What an installation did.

    Attributes:
        before: What was there before, with versions.
        changed: Versions before and after, of packages that changed.
        added: How many packages came.
        exit_codes: Of each line of accelfront.
    """

    before: dict[str, str]
    changed: dict[str, list[str | None]]
    added: int
    exit_codes: dict[str, int]


class FreshEnvironment:
    """An environment in a folder."""

    def __init__(self, folder: Path) -> None:
        """Make it, with pip alone."""
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        left = {"PYTHONPATH", "VIRTUAL_ENV", "ACCELFRONT_STORAGE"}
        kept = {name: value for name, value in os.environ.items() if name not in left}
        self._variables = {**kept, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def shell(self, line: str, where: Path) -> subprocess.CompletedProcess[str]:
        """Run a line of a shell in a folder."""
        return subprocess.run(
            line, shell=True, cwd=where, env=self._variables, capture_output=True, text=True
        )

    def versions(self, where: Path) -> dict[str, str]:
        """What is installed, by name."""
        listed = json.loads(self.shell("pip list --format json", where).stdout)
        return {each["name"]: each["version"] for each in listed}


def install(torch: str, folder: Path) -> Outcome:
    """Install torch and then accelfront; the effect on packages, and of each command."""
    environment, work = FreshEnvironment(folder / "venv"), folder / "work"
    work.mkdir()
    done = environment.shell(f"python -m pip install -q torch=={torch}", work)
    if done.returncode:
        raise SystemExit(done.stderr)
    before = environment.versions(work)
    source = folder / "source"
    subprocess.run(["git", "clone", "-q", ROOT, source], check=True)
    done = environment.shell(readme_command(), source)
    if done.returncode:
        raise SystemExit(done.stderr)
    after = environment.versions(work)
    lines = [f"{name} --help" for name in COMMANDS] + list(RUNS)
    return Outcome(
        before,
        {name: [old, after.get(name)] for name, old in before.items() if after.get(name) != old},
        len(after.keys() - before.keys()),
        {line: environment.shell(f"accelfront {line}", work).returncode for line in lines},
    )


def main() -> None:
    """Install, and keep the results."""
    parser = results_parser(__doc__)
    parser.add_argument("--torch", default="2.8.0")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = install(options.torch, Path(folder))
    about = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "command": readme_command(),
        "torch": options.torch,
    }
    rows = "".join(f"| `{line}` | {code} |\n" for line, code in found.exit_codes.items())
    page = (
        "# A fresh installation\n\n"
        + "".join(f"- {name}: {value}\n" for name, value in about.items())
        + f"- packages that were there: {len(found.before)}; changed: {found.changed or 'none'}\n"
        + f"- packages that came: {found.added}\n"
        + f"\n| accelfront ... | exit code |\n|---|---|\n{rows}"
    )
    keep_results("fresh install", {**about, **asdict(found)}, page, options.out)
    print(page)


if __name__ == "__main__":
    main()
