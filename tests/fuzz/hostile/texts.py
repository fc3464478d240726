"""Descriptions in JSON and YAML: good ones with values, names and shapes changed, and texts that are none."""

from __future__ import annotations

import copy
import json

import yaml

from tests.fuzz.hostile.case import Dice, damaged


MOST_VALUES = 1_000_000
"""Of a description whose parts are repeated, within repeated ones too."""


def changed(dice: Dice, description):
    """(a copy with some of its values, keys and lists changed, what was done)."""
    made, told = copy.deepcopy(description), []
    for _ in range(dice.rounds()):
        places = list(_places(made))
        if not places:
            break
        holder, key = dice.pick(places)
        how = dice.pick(("value", "value", "value", "remove", "key", "wrap", "repeat", "kind"))
        told.append(f"{how} of {str(key)[:30]!r}")
        _change(dice, holder, key, how, len(places))
    return made, ", ".join(told)


def _places(value):
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from _places(value[key])
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield value, index
            yield from _places(entry)


def _change(dice: Dice, holder, key, how: str, values: int) -> None:
    if how == "value":
        holder[key] = dice.pick((dice.number(), dice.number(), dice.text(), None, True, [], {}, [dice.number()], {dice.text(): dice.number()}))
    elif how == "remove":
        del holder[key]
    elif how == "key" and isinstance(holder, dict):
        holder[dice.text()] = holder.pop(key) if dice.chance(0.5) else dice.number()
    elif how == "wrap":
        holder[key] = [holder[key]] if dice.chance(0.5) else {"inside": holder[key]}
    elif how == "repeat":
        holder[key] = [holder[key]] * min(dice.pick((2, 100, 5000)), max(2, MOST_VALUES // values))
    else:
        holder[key] = str(holder[key])


def json_text(dice: Dice, description) -> tuple[bytes, str]:
    how = dice.pick(("values",) * 7 + ("bytes", "bytes", "deep", "digits", "other"))
    text = json.dumps(description).encode()
    if how == "values":
        made, told = changed(dice, description)
        return json.dumps(made, default=str).encode(), told
    if how == "bytes":
        return damaged(dice, text)
    if how == "deep":
        return dice.pick((b"[", b'{"a":')) * dice.pick((100, 100_000)), "deep"
    if how == "digits":
        return text.replace(b"1", b"1" * dice.pick((30, 5000)), 1), "many digits"
    return dice.pick((b"", b"null", b"[]", b"3", b'"text"', b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"{}", b"NaN", text * 2)), "another text"


def yaml_text(dice: Dice, description) -> tuple[bytes, str]:
    how = dice.pick(("values",) * 7 + ("bytes", "bytes", "deep", "aliases", "circle", "tag", "other"))
    text = yaml.safe_dump(description).encode()
    if how == "values":
        made, told = changed(dice, description)
        return yaml.safe_dump(made).encode(), told
    if how == "bytes":
        return damaged(dice, text)
    if how == "deep":
        return b"a: " + dice.pick((b"[", b"{a: ")) * dice.pick((60, 20_000)), "deep"
    if how == "aliases":
        lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}]" for i in range(1, dice.pick((5, 40, 400)))]
        return "\n".join(lines).encode() + b"\n" + text, "aliases of aliases"
    if how == "circle":
        return b"hidden: &h [1, *h]\n" + text, "a list within itself"
    if how == "tag":
        tags = (b"!!python/object/apply:os.getcwd []", b"!!python/name:os.getcwd", b"!!binary eA==", b"!!set {a}", b"!!timestamp 2001-99-99", b"!x 1")
        return text + b"\nmore: " + dice.pick(tags) + b"\n", "a tag"
    return dice.pick((b"", b"null", b"[]", b"3", b"\xff\xfe", b"? [a, b]\n: c", b"a: 1\na: 2", b"1: 2", b"---\na: 1\n---\nb: 2", b"%YAML 9.9\n---\n{}",
                      b"x: " + b"1" * 5000, b"x: 2001-13-45", b"x: 0x" + b"f" * 5000, b"x: 1_0:60:60", b"#" * 2**21)), "another text"
