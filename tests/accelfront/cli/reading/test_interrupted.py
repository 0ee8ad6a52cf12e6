from __future__ import annotations

import signal
import sys

import pytest

from accelfront.cli import app
from storage.database import opening


def test_ctrl_c_before_a_command_has_begun_its_work_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*given: object, **options: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(opening, "open_store", interrupted)
    monkeypatch.setattr(sys, "argv", ["accelfront", "front"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "accelfront: interrupted\n"
