"""A running dashboard, as a browser sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.made_reports import made_trial

MEASURED = {
    **made_trial(0, 2.0, 0.01).measurement.as_json(),
    "speedup_ci": [1.9, 2.1], "clip_loss_ci": [-0.01, 0.025], "latency_s": 0.27123456,
    "baseline_latency_s": 0.5, "image_similarity": 0.959, "disturbed": ["outlier", "slow"],
    "gpu_bound": 0.404,
    "metrics": {"ssim": {"value": 0.9, "loss": 0.1, "loss_ci": None, "samples": 1}},
    "latencies_s": [0.27123456] * 5, "seconds": {"generate": 6.1234, "score": 4.1234},
}  # fmt: skip


COMMAND = [sys.executable, "-m", "accelfront", "dashboard"]


@dataclass(frozen=True)
class Server:
    """A running dashboard."""

    address: str
    process: subprocess.Popen[str] | None

    def get(self, path: str) -> tuple[str, bytes]:
        """Content type and body of a page."""
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return answer.headers["Content-Type"], answer.read()

    def get_json(self, path: str) -> Any:
        return json.loads(self.get(path)[1])


def start_dashboard(storage: str) -> subprocess.Popen[str]:
    """Start the command on a free port; the first line of its stdout is the address."""
    return subprocess.Popen(
        [*COMMAND, "--storage", storage, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
