"""Biases that the hardware can hold: multiples of the accumulator's least significant bit, and never on a rounding tie.

With power-of-two scales the accumulator of a layer is a whole number of LSB = input scale x weight scale. A bias that is an
odd number of half LSBs keeps accumulator + bias off every tie of the activation's rounding, where round-half-to-even and a
threshold comparison would differ. The last layer has no activation: any multiple of the LSB does.
"""

from __future__ import annotations

import torch

from models.network import QuantMLP, is_quantised


def snap_biases(model: QuantMLP) -> None:
    """Move each bias to the nearest value that the hardware can hold. ValueError, naming the layer, where the net is float
    or an activation is so fine that no bias avoids its ties."""
    scales = activation_scales(model)
    for i, layer in enumerate(model.layers):
        lsb = accumulator_lsb(model, i, scales[i])
        last = i == len(model.layers) - 1
        if not last and scales[i + 1] < 2 * lsb:
            raise ValueError(
                f"layer {i}: its activation's scale {scales[i + 1]} is below two accumulator LSBs ({lsb} each), every bias meets "
                "rounding ties; use fewer activation bits or more weight bits"
            )
        with torch.no_grad():
            layer.bias.copy_(torch.round(layer.bias / lsb) * lsb if last else (torch.floor(layer.bias / lsb) + 0.5) * lsb)


def accumulator_lsb(model: QuantMLP, index: int, input_scale: float) -> float:
    """The value of one unit of the accumulator of layer `index`."""
    layer = model.layers[index]
    if not is_quantised(layer):
        raise ValueError(f"layer {index} has float weights: only a quantised network can be built")
    with torch.no_grad():
        return input_scale * layer.quant_weight().scale.item()


def activation_scales(model: QuantMLP) -> list[float]:
    """The scale of each layer's input: the quantised features', then each activation's. ValueError for a float one."""
    modules = [model.input_quant, *model.activations]
    for i, module in enumerate(modules):
        if not hasattr(module, "act_quant"):
            raise ValueError(f"the input of layer {i} is not quantised: only a quantised network can be built")
    with torch.no_grad():
        return [module.act_quant.scale().item() for module in modules]
