"""`accelfront dashboard` as a process: how it begins, what it refuses, how it ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.accelfront.dashboard.servers import Server, start_dashboard
from tests.command_line import run


def test_a_taken_port_is_told_in_a_line(server: Server, storage: str) -> None:
    port = server.address.rstrip("/").rpartition(":")[2]
    answer = run("dashboard", "--storage", storage, "--port", port)
    assert answer.returncode == 2
    assert "Address already in use; give another --port" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", ""])
def test_other_hosts_than_this_one_are_refused_with_the_reason(storage: str, host: str) -> None:
    answer = run("dashboard", "--storage", storage, "--port", "0", "--host", host)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "no login" in answer.stderr and "--listen-anywhere" in answer.stderr


def test_listening_anywhere_warns(storage: str) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        # Ends at once, as the port is taken; the warning comes first.
        port = str(taken.getsockname()[1])
        options = ("--host", "0.0.0.0", "--listen-anywhere", "--port", port)
        answer = run("dashboard", "--storage", storage, *options)
    assert "WARNING: anyone who reaches 0.0.0.0 can read and delete" in answer.stderr
    assert "cannot listen on 0.0.0.0" in answer.stderr


def test_a_missing_database_is_told_and_not_made(tmp_path: Path) -> None:
    answer = run("dashboard", "--storage", f"sqlite:///{tmp_path}/none.db", "--port", "0")
    assert answer.returncode == 2
    assert "`accelfront study` makes one" in answer.stderr
    assert not list(tmp_path.iterdir())


def test_ctrl_c_ends_it_without_a_fuss(storage: str) -> None:
    process = start_dashboard(storage)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr.strip()) == (0, "Press Ctrl-C to end.")


def test_it_needs_no_torch() -> None:
    code = "import sys, accelfront.dashboard.server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
