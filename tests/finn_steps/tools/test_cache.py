"""What is in the cache is used only as it was made: damage of any kind is found and mended."""

import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Folding
from finn_steps.emulator import Emulator
from finn_steps.folding.core_counts import core_counts
from finn_steps.folding.folded_counts import shape_of
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from finn_steps.synthesis.yosys import synthesise
from finn_steps.tools import cache
from finn_steps.tools.cache import MANIFEST, cached, content_key, kept
from tests.nets import random_accelerator

KEY = content_key("a thing")


def made(folder):
    """How often a build was needed, and the entry."""
    builds = []

    def build(place):
        builds.append(place)
        (place / "below").mkdir()
        (place / "program").write_bytes(b"right")
        (place / "below" / "memory.mem").write_text("0 1 2\n")

    return cached(folder, KEY, build), len(builds)


def content(entry):
    return {str(path.relative_to(entry)): path.read_bytes() for path in entry.rglob("*") if path.is_file() and path.name != MANIFEST}


RIGHT = {"program": b"right", "below/memory.mem": b"0 1 2\n"}


def flip(entry):
    (entry / "program").write_bytes(b"wrong")


def shorten(entry):
    os.truncate(entry / "below" / "memory.mem", 2)


def empty(entry):
    os.truncate(entry / "program", 0)


def remove(entry):
    (entry / "program").unlink()


def add(entry):
    (entry / "below" / "more.mem").write_text("3")


def forget(entry):
    (entry / MANIFEST).unlink()


def garble(entry):
    (entry / MANIFEST).write_bytes(b"\xff{")


def a_file(entry):
    os.rename(entry, entry.with_name("aside"))
    entry.write_text("no folder")


def a_dead_link(entry):
    os.rename(entry, entry.with_name("aside"))
    entry.symlink_to("nowhere")


@pytest.mark.parametrize("damage", [flip, shorten, empty, remove, add, forget, garble, a_file, a_dead_link])
def test_what_was_altered_is_made_again(tmp_path, damage, caplog):
    entry, builds = made(tmp_path)
    assert builds == 1 and made(tmp_path) == (entry, 0)
    damage(entry)
    assert made(tmp_path) == (entry, 1) and content(entry) == RIGHT
    assert "is not as it was made" in caplog.text
    assert made(tmp_path) == (entry, 0)


def test_an_entry_under_another_key_is_not_used(tmp_path):
    entry, _ = made(tmp_path)
    other = content_key("another thing")
    os.rename(entry, tmp_path / other)
    assert kept(tmp_path, other) is None and not (tmp_path / other).exists()


def test_what_a_killed_build_left_is_removed_and_what_a_living_one_has_is_not(tmp_path):
    old = time.time() - 2 * cache.ABANDONED_S
    left, young = tmp_path / f"{cache.WORKPLACE}left", tmp_path / f"{cache.WORKPLACE}young"
    for place in (left, young):
        place.mkdir()
    os.utime(left, (old, old))
    with cache._workplace(tmp_path) as living:
        os.utime(living, (old, old))
        made(tmp_path)
        assert not left.exists() and young.exists() and living.exists()
    assert not living.exists()


def test_a_build_that_raises_leaves_nothing(tmp_path):
    def fails(place):
        (place / "half").write_text("of it")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cached(tmp_path, KEY, fails)
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_leave_one_whole_entry(tmp_path):
    def build(place):
        (place / "program").write_bytes(b"right")
        inside, _ = made(tmp_path)
        (inside / "program").write_bytes(b"wrong")

    entry = cached(tmp_path, KEY, build)
    assert content(entry) == {"program": b"right"} and kept(tmp_path, KEY) == entry


def kinds(folder):
    """Every kind of entry that a build makes: what it is asked for, as a function of nothing."""
    accelerator = random_accelerator((4, 3, 2))
    folded = replace(accelerator.layers[0], folding=Folding("folded", PE=2, SIMD=2))
    x = np.random.default_rng(0).integers(-128, 128, (5, 4))
    generate(accelerator, folder)
    return {
        "cores": lambda: generate(accelerator, folder) and None or content(folder),
        "rtlsim": lambda: Simulation.build(folder).run(x).y.tolist(),
        "compiled": lambda: Emulator(accelerator).execute(x.astype(np.int32)).tolist(),
        "synthesis": lambda: synthesise(folder, "xc7"),
        "counts": lambda: (core_counts(replace(folded, folding=Folding("bitplane")), False), shape_of(folded)),
    }


COMPILED = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("rtlsim", "synthesis")]


@pytest.mark.parametrize("kind", ["cores", "compiled", "counts", *COMPILED])
def test_a_damaged_entry_of_every_kind_is_never_used(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("QAPFLOW_CACHE", str(tmp_path / "cache"))
    use = kinds(tmp_path / "rtl")[kind]
    right = use()
    entries = [path.parent for path in (tmp_path / "cache" / kind).glob(f"*/{MANIFEST}")]
    assert entries
    for entry in entries:
        for path in entry.iterdir():
            if path.is_file() and path.name != MANIFEST:
                damaged = path.with_suffix(".damaged")
                damaged.write_bytes(path.read_bytes()[:-1] + b"!")
                damaged.rename(path)
    assert use() == right
    assert any(json.loads((entry / MANIFEST).read_text())["files"] == cache._hashes(entry) for entry in entries)
