"""npz, csv and parquet files: arrays of other shapes and kinds, archives that are none, and small ones that unpack to a lot."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from functools import lru_cache

import numpy as np
import pandas as pd

from tests.fuzz.hostile.case import Dice, damaged


def npz_bytes(dice: Dice, arrays: dict[str, np.ndarray]) -> tuple[bytes, str]:
    how = dice.pick(("arrays",) * 5 + ("bytes",) * 3 + ("header", "header", "pickle", "bomb", "other"))
    if how == "bytes":
        return damaged(dice, _packed(arrays))
    if how == "arrays":
        return _packed(*_changed(dice, dict(arrays))[:1]), "arrays changed"
    if how == "other":
        return dice.pick((b"", b"PK\x03\x04", _npy(np.zeros(3)), b"PK\x05\x06" + bytes(18), b"\x93NUMPY")), "no archive"
    entries = {f"{name}.npy": _npy(array) for name, array in arrays.items()}
    chosen = dice.pick(entries)
    if how == "header":
        entries[chosen] = header(dice)
    elif how == "pickle":
        entries[chosen] = _npy_header("'|O'", "(1,)") + pickle.dumps(["harmless"])
    else:
        return bomb(chosen) if dice.chance(0.2) else zipped(entries | {chosen: _npy_header("'<f8'", f"({2**27},)") + bytes(2**20)}), how
    if dice.chance(0.2):
        entries[dice.pick(("../outside.npy", "/outside.npy", chosen + "x", "plain.txt"))] = b"text"
    return zipped(entries), how


def _changed(dice: Dice, arrays: dict) -> tuple[dict, None]:
    for _ in range(dice.rounds()):
        name = dice.pick(arrays)
        array = np.atleast_1d(arrays[name])
        numbers = array if array.dtype.kind in "fiub" else np.zeros(array.shape)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = dice.pick((
                lambda: array.T, lambda: array.reshape(-1), lambda: array[..., None], lambda: array[:0], lambda: array[:1], lambda: np.array(0),
                lambda: numbers * float(dice.number()), lambda: array.astype(str), lambda: numbers.astype(bool),
                lambda: np.full(array.shape, np.nan), lambda: np.full(array.shape, 2**62), lambda: numbers.astype(np.float16),
                lambda: np.full(array.shape, -(2**63)), lambda: numbers.astype(complex), lambda: np.zeros(3, "M8[s]"),
                lambda: np.zeros(2, "i4,f8"), lambda: np.zeros((0, 0)), lambda: np.zeros((1,) * 20)))()
        how = dice.pick(("value", "value", "value", "remove", "more"))
        if how == "remove" and len(arrays) > 1:
            del arrays[name]
        else:
            arrays[name if how == "value" else dice.pick((f"{name}2", "x", "labels", "é"))] = made
    return arrays, None


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def header(dice: Dice) -> bytes:
    kinds = ("'<f8'", "'<i8'", "'|O'", "'<U4294967295'", "'<f99'", "[('a', '<f8', (1000000,))]", "None", "'V0'", "3")
    shapes = ("(3,)", f"({2**40},)", f"({2**62}, {2**62})", "(-1,)", "()", "(1.5,)", "3", "(True,)", "(" + "1," * 100 + ")", "None")
    return _npy_header(dice.pick(kinds), dice.pick(shapes), dice.pick((b"\x01\x00", b"\x03\x00", b"\x09\x09"))) + bytes(dice.pick((0, 24, 1000)))


def _npy_header(kind: str, shape: str, version: bytes = b"\x01\x00") -> bytes:
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + version + len(text).to_bytes(2 if version[0] == 1 else 4, "little") + text


def _packed(arrays: dict) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **{name.strip("/") or "x": value for name, value in arrays.items()})
    return stream.getvalue()


@lru_cache
def bomb(name: str) -> bytes:
    """A megabyte that is a gigabyte unpacked."""
    return zipped({name: _npy_header("'<f8'", f"({2**27},)") + bytes(2**30)})


def zipped(entries: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def csv_bytes(dice: Dice, frame: pd.DataFrame) -> tuple[bytes, str]:
    how = dice.pick(("cells",) * 5 + ("bytes",) * 3 + ("header", "header", "ragged", "wide", "other"))
    lines = frame.to_csv(index=False).split("\n")
    if how == "bytes":
        return damaged(dice, "\n".join(lines).encode())
    if how == "wide":
        return b",".join([b"a"] * dice.pick((1000, 70_000, 3_000_000))) + b"\n1\n", how
    if how == "other":
        return dice.pick((b"", b"\n", b",", b"\xff\xfe\x00", b'"' + b"a" * 1000, b"a,a,a\n1,2,3\n", b"\x00" * 1000, b"class\n1\n2\n",
                          b"a;class\n1;2\n", b"a" * 10**7)), "no table"
    row = 0 if how == "header" else 1 + dice.below(len(lines) - 2)
    cells = lines[row].split(",")
    if how == "ragged":
        cells = cells * 2 if dice.chance(0.5) else cells[:-1]
    else:
        cells[dice.below(len(cells))] = dice.pick((str(dice.number()), dice.text(), "", "1e400", "0x10", "1,5", '"', "=1+1", "inf", "NA", "9" * 400))
    lines[row] = ",".join(cells)
    if dice.chance(0.2):
        lines = lines[: dice.pick((1, 2, 5))]
    return "\n".join(lines).encode(errors="surrogateescape"), how


def parquet_bytes(dice: Dice, frame: pd.DataFrame) -> tuple[bytes, str]:
    made = frame.copy()
    if dice.chance(0.5):
        column = dice.pick(list(made.columns))
        made[column] = dice.pick(([None] * len(made), ["a"] * len(made), [[1, 2]] * len(made), [{"a": 1}] * len(made), [2**62] * len(made),
                                  [float("inf")] * len(made), pd.to_datetime(["2020-01-01"] * len(made)), [b"\xff"] * len(made)))
    stream = io.BytesIO()
    made.to_parquet(stream)
    return (stream.getvalue(), "columns") if dice.chance(0.3) else damaged(dice, stream.getvalue())
