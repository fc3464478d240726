"""The simulated board's cache: an entry is used as it was made, or made again."""

import os

import pytest

from deploy.simulated_board.kept import MANIFEST, is_kept, keep


def made(folder):
    place = folder / "made"
    (place / "below").mkdir(parents=True)
    (place / "board.so").write_bytes(b"right")
    (place / "below" / "rows.mem").write_text("0 1\n")
    return place


@pytest.fixture
def entry(tmp_path):
    keep(made(tmp_path), tmp_path / "entry")
    assert is_kept(tmp_path / "entry")
    return tmp_path / "entry"


@pytest.mark.parametrize("damage", [
    lambda entry: (entry / "board.so").write_bytes(b"wrong"),
    lambda entry: os.truncate(entry / "below" / "rows.mem", 1),
    lambda entry: (entry / "below" / "rows.mem").unlink(),
    lambda entry: (entry / "more").write_text("more"),
    lambda entry: (entry / MANIFEST).unlink(),
    lambda entry: (entry / MANIFEST).write_bytes(b"\xff"),
])
def test_what_was_altered_is_gone(entry, damage):
    damage(entry)
    assert not is_kept(entry) and not entry.exists()


def test_another_s_name_is_no_use(entry):
    entry.rename(entry.with_name("other"))
    assert not is_kept(entry.with_name("other"))


def test_whoever_is_first_is_kept_unless_altered(entry, tmp_path):
    keep(made(tmp_path), entry)
    assert is_kept(entry) and not (tmp_path / "made").exists()
    (entry / "board.so").write_bytes(b"wrong")
    keep(made(tmp_path), entry)
    assert is_kept(entry) and (entry / "board.so").read_bytes() == b"right"
