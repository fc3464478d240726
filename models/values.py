"""Values of a training's fields as a person writes them: 1e-4, 5 %, true, `0.5 0.2 0.1`, `[64, 32, 32]`, `64-32-32`."""

from __future__ import annotations

import re
from math import isfinite

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


def typed(field: str, kind: str, value):
    """`value` as a field of type `kind` (an annotation such as "int | tuple[int, ...]") takes it: a text is read, the rest
    stays. ValueError, naming the field and what it takes."""
    if isinstance(value, str) and value.strip().lower() in ("none", "null") and "None" in kind:
        return None
    read = listed(value, kind) if isinstance(value, str) else value
    read = tuple(read) if isinstance(read, list) else read
    if isinstance(read, tuple) and "tuple" in kind:
        return tuple(one(field, kind, entry) for entry in read)
    if kind.startswith("tuple") and not isinstance(read, (tuple, str)):
        read = (read,)
        return tuple(one(field, kind, entry) for entry in read)
    return one(field, kind, read)


def listed(text: str, kind: str):
    """A text with several values as a list; of a field that takes none, or with one value only, the text."""
    text = text.strip()
    if "tuple" not in kind:
        return text
    inside = re.sub(r"^[\[(](.*)[\])]$", r"\1", text, flags=re.DOTALL)
    parts = [part.strip("'\" ") for part in re.split(r"[,\s]+|(?<=\d)-(?=\d)(?<![eE]-)", inside) if part.strip("'\" ")]
    numbers = kind.replace("str", "") == kind
    if numbers and not all(re.fullmatch(NUMBER + "%?", part) for part in parts):
        return text
    return parts if len(parts) > 1 or inside != text or kind.startswith("tuple") and text != "published" else parts[0] if parts else text


def one(field: str, kind: str, value):
    """A single value."""
    if not isinstance(value, str):
        return checked(field, kind, value)
    if "str" in kind:
        return value
    if kind == "bool":
        return truth(field, value)
    number = as_number(value)
    if number is None:
        if field == "remaining" and value == "published":
            return value
        raise ValueError(f"{field} ({value}) must be {told(kind)}")
    return checked(field, kind, number)


def checked(field: str, kind: str, value):
    """ValueError where a value that is no text is of another kind than the field's."""
    if value is None and "None" in kind:
        return value
    whole = "int" in kind and "float" not in kind
    if kind == "bool" and not isinstance(value, bool):
        raise ValueError(f"{field} ({value}) must be true or false")
    if whole and isinstance(value, float) and value.is_integer():
        return int(value)
    if (whole and (not isinstance(value, int) or isinstance(value, bool))
            or "float" in kind and (not isinstance(value, (int, float)) or isinstance(value, bool) or not isfinite(value))):
        raise ValueError(f"{field} ({value}) must be {told(kind)}")
    return value


def truth(field: str, text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"{field} ({text}) must be true or false")


def as_number(text: str) -> int | float | None:
    text = text.strip()
    if re.fullmatch(r"[+-]?\d[\d_]*", text):
        return int(text)
    if match := re.fullmatch(f"({NUMBER})\\s*%", text):
        return float(match[1]) / 100
    return float(text) if re.fullmatch(NUMBER, text) else None


def told(kind: str) -> str:
    """What a field takes, in words."""
    number = "a whole number" if "int" in kind and "float" not in kind else "a number"
    return f"{number}, or a list of them" if "tuple" in kind else number
