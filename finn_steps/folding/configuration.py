"""folding_config.json: what the tuner chose, to be edited and fed back; FINN's own folding files (PE, SIMD) are understood."""

from __future__ import annotations

import difflib
import json
from dataclasses import fields
from pathlib import Path

from finn_steps.accelerator import Accelerator, Folding


def foldings_as_json(foldings: dict[str, Folding]) -> dict:
    """Layer name -> fields of its Folding."""
    return {name: dict(vars(folding)) for name, folding in foldings.items()}


def read_foldings(path: Path | str, accelerator: Accelerator) -> dict[str, Folding]:
    """A Folding for every layer. ValueError, naming layer, field and values, for what the network cannot take.

    An entry with PE or SIMD and no style is FINN's: it is `folded`. FINN's node names (MVAU_rtl_0, ...) stand for the layers in
    order, and its "Defaults" and the entries of other kinds of node are passed over.
    """
    try:
        content = json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise ValueError(f"{path}: expected an object of layer names, each with its folding")
    layers = {layer.name: layer for layer in accelerator.layers}
    aliases = dict(zip((name for name in content if name not in layers and "MVAU" in name), layers)) if not set(content) & set(layers) else {}
    foldings = {layer.name: layer.folding for layer in accelerator.layers}
    for name, entry in content.items():
        if name == "Defaults" or (aliases and name not in aliases):
            continue
        layer = layers.get(aliases.get(name, name))
        if layer is None:
            raise ValueError(f"{path}: '{name}' is no layer; the network has {', '.join(layers)}")
        foldings[layer.name] = folding_of(f"{path}: {name}", entry)
        foldings[layer.name].check(f"{path}: {name}", layer.MH, layer.MW)
    return foldings


FINN_ONLY = {"mem_mode", "ram_style", "resType", "runtime_writeable_weights", "ram_style_thresholds", "preferred_impl_style"}


def folding_of(where: str, entry: dict) -> Folding:
    known = {field.name for field in fields(Folding)}
    for key in entry:
        if key not in known | FINN_ONLY:
            near = difflib.get_close_matches(key, known, n=1)
            raise ValueError(f"{where}: unknown field '{key}'" + (f", did you mean '{near[0]}'?" if near else f"; known: {', '.join(sorted(known))}"))
    values = {key: value for key, value in entry.items() if key in known}
    if "style" not in values and {"PE", "SIMD"} & set(values):
        values["style"] = "folded"
    return Folding(**values)
