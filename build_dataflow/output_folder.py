"""A build's folder: written beside the last good one, put in its place in one step."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

AT_FDCWD, RENAME_EXCHANGE = -100, 2


class OutputFolder:
    """`final` is what the user sees; `partial` beside it is where a build works; `whole` is a whole build on its way to its place, or the
    one before it on its way out: after a kill nobody can tell which, so that it is never gone on with."""

    def __init__(self, final: Path):
        self.final = Path(os.path.abspath(final))
        self.partial = self.final.parent / f".{self.final.name}.partial"
        self.whole = self.final.parent / f".{self.final.name}.whole"

    @contextmanager
    def locked(self):
        """Hold the build's folder against a second build; RuntimeError where another one has it."""
        try:
            self.final.parent.mkdir(parents=True, exist_ok=True)
            handle = open(self.final.parent / f".{self.final.name}.lock", "w")
        except OSError as error:
            raise OSError(f"{self.final}: the output folder cannot be written ({error.strerror}); choose another with --output") from None
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RuntimeError(f"{self.final}: another build is writing here; wait for it, or choose another --output") from None
            yield

    def start(self, resume: bool) -> None:
        """An empty partial folder, or with `resume` the one that an interrupted build left."""
        shutil.rmtree(self.whole, ignore_errors=True)
        if aside_of(self.final).exists() and not self.final.exists():
            os.rename(aside_of(self.final), self.final)
        if resume and self.partial.is_dir():
            return
        if resume:
            raise FileNotFoundError(f"{self.final}: nothing to resume, no build was interrupted here")
        if self.final.exists() and not is_build(self.final):
            raise FileExistsError(f"{self.final}: exists and is no build of ours; choose another with --output")
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir()

    def publish(self) -> None:
        """Put the partial folder in the place of the final one; at any moment one whole build stands there."""
        os.rename(self.partial, self.whole)
        if self.final.exists():
            exchange(self.whole, self.final)
            shutil.rmtree(self.whole, ignore_errors=True)
        else:
            os.rename(self.whole, self.final)


def is_build(folder: Path) -> bool:
    """Whether a build was published here, or the folder is empty."""
    return folder.is_dir() and ((folder / "report" / "summary.json").is_file() or not any(folder.iterdir()))


def aside_of(folder: Path) -> Path:
    """Where the folder stands for a moment if it cannot be exchanged atomically."""
    return folder.with_name(f".{folder.name}.aside")


def exchange(first: Path, second: Path) -> None:
    """Swap two folders of one file system atomically (Linux renameat2), or by three renames where it has no such call."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None:
        if renameat2(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(code, os.strerror(code), str(second))
    aside = aside_of(second)
    os.rename(second, aside)
    os.rename(first, second)
    os.rename(aside, first)
