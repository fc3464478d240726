"""Where standard error is no terminal, a long step says now and then where it is."""

import io

from rich.console import Console

from build_dataflow import progress
from build_dataflow.progress import Progress


def lines(monkeypatch, seconds):
    """What one step of details at `seconds` after its beginning prints."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    told = io.StringIO()
    shown = Progress(Console(file=told))
    with shown.step("step_slow"):
        for now[0] in seconds:
            shown.detail(f"at {now[0]:.0f}")
    return told.getvalue().splitlines()


def test_small_print_is_a_line_every_half_minute(monkeypatch):
    assert [line.strip() for line in lines(monkeypatch, [1.0, 31.0, 40.0, 62.0])[:-1]] == ["step_slow: at 31", "step_slow: at 62"]


def test_a_quick_step_is_one_line(monkeypatch):
    assert len(lines(monkeypatch, [1.0, 2.0])) == 1
