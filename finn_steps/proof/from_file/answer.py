"""The end of the chain: what the answer's integers mean to the file."""

from __future__ import annotations

from fractions import Fraction
from itertools import takewhile

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.proof.from_file.exact import UNIT, Step, run
from finn_steps.proof.limits import NotUnderstood


def check_answer(chain, accelerator: Accelerator, sums: dict) -> None:
    """sums: by row of the file, a Feed of a last layer with a quantiser, else (unit, offset) of its sum. NotUnderstood where the host
    scales the integers otherwise than the file, or labels go by another order."""
    if accelerator.labels is not None:
        _check_labels(chain, accelerator, sums)
    elif accelerator.layers[-1].thresholds is None:
        _check_scales(chain, accelerator, sums)


def _check_scales(chain, accelerator: Accelerator, sums: dict) -> None:
    """The host's first factor and amount are the file's, within a rounding to float32 of the greatest answer: as the sums leave the layer, or
    behind some of the affine steps that follow."""
    steps = list(takewhile(lambda step: step.affine, chain.layers[-1].after))
    reasons = []
    for count in range(len(steps) + 1):
        try:
            _same_scales(accelerator, {row: _carried(steps[:count], row, *ends) for row, ends in sums.items()})
            return
        except NotUnderstood as reason:
            reasons.append(reason)
    raise reasons[0]


def _same_scales(accelerator: Accelerator, sums: dict) -> None:
    operations, layer = list(accelerator.host_output), accelerator.layers[-1]
    factors, amounts = np.ones(len(sums)), np.zeros(len(sums))
    if operations and operations[0].op == "mul" and any(np.float32(float(unit or 1)) != 1 for unit, _ in sums.values()):
        factors = np.broadcast_to(operations.pop(0).value, len(sums))
    if operations and operations[0].op == "add" and any(np.float32(float(offset)) for _, offset in sums.values()):
        amounts = np.broadcast_to(operations.pop(0).value, len(sums))
    for row, (unit, offset) in sums.items():
        factor, amount = Fraction(float(factors[row])), Fraction(float(amounts[row]))
        if unit is None:
            unit, offset = factor, offset - factor * int(layer.bias[row])
        greatest = max(abs(int(layer.accumulator_min[row])), abs(int(layer.accumulator_max[row])))
        if abs(factor - unit) > 2 * UNIT * abs(unit) or abs(amount - offset) > 2 * UNIT * (abs(offset) + abs(unit) * greatest):
            raise NotUnderstood(f"output {row}: the host scales it by {float(factor):g} and adds {float(amount):g}, the file means "
                                f"{float(unit):g} and {float(offset):g}")


def _check_labels(chain, accelerator: Accelerator, sums: dict) -> None:
    """label = the first greatest integer's, in the order of the rows as they are built: of the file's values there is one positive
    unit, and they lie less than one unit apart where integers are equal, the greater ones first."""
    if accelerator.layers[-1].thresholds is not None:
        found = {row: (feed.factor, feed.offset) for row, feed in sums.items()}
    else:
        found = {row: _behind(chain, row, *ends) for row, ends in sums.items()}
    units = {unit for unit, _ in found.values() if unit}
    if len(units) != 1 or min(units) <= 0:
        raise NotUnderstood("the outputs that the label chooses from have no common positive scale")
    common, built = units.pop(), accelerator.layers[-1].bias
    above = []
    for neuron, label in enumerate(accelerator.labels):
        unit, offset = found[int(label)]
        above.append(offset if unit else offset - common * int(built[neuron]))  # one that never changes is its value
    order = sorted(range(len(above)), key=lambda place: (-above[place], int(accelerator.labels[place])))
    if max(above) - min(above) >= common or order != list(range(len(above))):
        raise NotUnderstood("of equal integers the accelerator prefers another label than the file")


def _behind(chain, row: int, unit: Fraction | None, offset: Fraction) -> tuple[Fraction | None, Fraction]:
    """(unit, offset) behind what the file does to the sums before it compares them."""
    steps = chain.layers[-1].after
    if not all(step.affine for step in steps):
        raise NotUnderstood("what the file does to its last sums is not affine")
    return _carried(steps, row, unit, offset)


def _carried(steps: list[Step], row: int, unit: Fraction | None, offset: Fraction) -> tuple[Fraction | None, Fraction]:
    """(unit, offset) behind affine steps."""
    if unit is None:
        return None, run(steps, (offset, offset), row)[0]
    (zero, _), (one, _) = (run(steps, (total, total), row) for total in (offset, offset + unit))
    return one - zero, zero
