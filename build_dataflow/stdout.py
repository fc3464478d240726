"""`--json` on commands that talk: what they and their children print goes to standard error, the JSON alone to standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def talking_on_stderr(wanted: bool = True) -> Iterator[None]:
    """Within it, file descriptor 1 is standard error, for child processes too; nothing changes if not `wanted`."""
    if not wanted:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
