"""folding_config.json: what the tuner chose, to be edited and fed back; FINN's own folding files (PE, SIMD) are understood."""

from __future__ import annotations

import difflib
from dataclasses import fields
from pathlib import Path

from finn_steps.accelerator import Accelerator, Folding, SparseLayer
from finn_steps.tools.files import read_json_object


def foldings_as_json(foldings: dict[str, Folding]) -> dict:
    """Layer name -> fields of its Folding."""
    return {name: dict(vars(folding)) for name, folding in foldings.items()}


def read_foldings(path: Path | str, accelerator: Accelerator) -> dict[str, Folding]:
    """A Folding for every layer. ValueError, naming layer, field and values, for what the network cannot take.

    Layers that are not named keep what they have. A file of FINN's names nodes (MVAU_rtl_0, ...) instead: they stand for the
    layers in order, all of them `folded`, with at most the rows and inputs that are left of them; its "Defaults" and nodes of other
    kinds are passed over.
    """
    expected = "an object of layer names, each with its folding"
    content = read_json_object(path, expected)
    if not all(isinstance(entry, dict) for entry in content.values()):
        raise ValueError(f"{path}: expected {expected}")
    layers = {layer.name: layer for layer in accelerator.layers}
    content = content if set(content) & set(layers) else of_finn(path, content, layers)
    foldings = {layer.name: layer.folding for layer in accelerator.layers}
    for name, entry in content.items():
        if name not in layers:
            raise ValueError(f"{path}: '{name}' is no layer; the network has {', '.join(layers)}")
        foldings[name] = folding_of(f"{path}: {name}", entry)
        foldings[name].check(f"{path}: {name}", layers[name].MH, layers[name].MW)
    return foldings


def of_finn(path: Path | str, content: dict, layers: dict[str, SparseLayer]) -> dict:
    """FINN's folding file by our names of layers; as it is where it has no MVAU."""
    nodes = [entry for name, entry in content.items() if "MVAU" in name or "MatrixVectorActivation" in name]
    if not nodes:
        return content
    if len(nodes) != len(layers):
        raise ValueError(f"{path}: it folds {len(nodes)} MVAUs, the network has {len(layers)} layers ({', '.join(layers)})")
    renamed = {}
    for layer, entry in zip(layers.values(), nodes):
        left = {"PE": layer.MH, "SIMD": layer.MW}
        renamed[layer.name] = {key: min(value, left[key]) if key in left and type(value) is int else value
                               for key, value in entry.items()}
    return renamed


FINN_ONLY = {"mem_mode", "ram_style", "resType", "runtime_writeable_weights", "ram_style_thresholds", "preferred_impl_style",
             "inFIFODepths", "outFIFODepths", "pumpedCompute", "pumpedMemory"}


def folding_of(where: str, entry: dict) -> Folding:
    known = {field.name for field in fields(Folding)}
    for key in entry:
        if key not in known | FINN_ONLY:
            spelt = {name.lower(): name for name in known}
            near = difflib.get_close_matches(key.lower(), spelt, n=1)
            hint = f", did you mean '{spelt[near[0]]}'?" if near else f"; known: {', '.join(sorted(known))}"
            raise ValueError(f"{where}: unknown field '{key}'{hint}")
    values = {key: value for key, value in entry.items() if key in known}
    if "style" not in values and {"PE", "SIMD"} & set(values):
        values["style"] = "folded"
    return Folding(**values)
