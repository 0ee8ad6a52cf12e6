"""What is said of a database that is not opened."""

from __future__ import annotations

import pytest

from storage.database.opening import open_store
from storage.errors import StorageError


def refusal(url: str, create: bool = False) -> str:
    with pytest.raises(StorageError) as refused:
        open_store(url, create)
    message = str(refused.value)
    assert "\n" not in message
    return message
