"""What each cell of Yosys' word-level library computes, on literals of a Graph."""

from __future__ import annotations

from collections.abc import Callable

from finn_steps.proof.graph import Graph
from finn_steps.proof.limits import NotUnderstood
from finn_steps.proof.netlist import Cell

Word = list[int]


def evaluator(cell: Cell) -> Callable[[Graph, dict[str, Word]], Word]:
    """The function of a combinational cell: from its inputs to its output Y. NotUnderstood for a type that is not known."""
    made = _MAKERS.get(cell.type)
    if made is None:
        raise NotUnderstood(f"cell {cell.where} is of a type that the checker does not know")
    return lambda graph, inputs: made(graph, cell, inputs)


def _extended(word: Word, width: int, signed: bool) -> Word:
    return (word + [word[-1] if signed and word else 0] * width)[:width]


def _operands(cell: Cell, inputs: dict[str, Word], width: int) -> list[Word]:
    """A and B, extended; signed only if both are."""
    signed = all(cell.parameters[f"{port}_SIGNED"] for port in ("A", "B") if port in inputs)
    return [_extended(inputs[port], width, signed) for port in ("A", "B") if port in inputs]


def _width(cell: Cell) -> int:
    return cell.parameters["Y_WIDTH"]


def _bitwise(function):
    def made(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
        return [function(graph, *bits) for bits in zip(*_operands(cell, inputs, _width(cell)))]
    return made


def _padded(bit: int, cell: Cell) -> Word:
    return [bit] + [0] * (_width(cell) - 1)


def _weighted(word: Word, sign: int = 1) -> list[tuple[int, int]]:
    return [(literal, sign << bit) for bit, literal in enumerate(word)]


def _add(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
    a, b = _operands(cell, inputs, _width(cell))
    return graph.sum(_width(cell), _weighted(a) + _weighted(b, -1 if cell.type == "$sub" else 1), 0)


def _negate(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
    return graph.sum(_width(cell), _weighted(_operands(cell, inputs, _width(cell))[0], -1), 0)


def _multiply(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
    width = _width(cell)
    a, b = _operands(cell, inputs, width)
    if any(bit > 1 for bit in b):
        a, b = b, a
    if any(bit > 1 for bit in b):
        return [graph.opaque((cell.where, place), a + b) for place in range(width)]
    factor = sum(bit << place for place, bit in enumerate(b))
    return graph.sum(width, [(literal, factor << place) for place, literal in enumerate(a)], 0)


def _compare(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
    """The sign of a difference that cannot overflow."""
    width = max(len(inputs["A"]), len(inputs["B"])) + 1
    a, b = _operands(cell, inputs, width)
    if cell.type in ("$gt", "$le"):
        a, b = b, a
    less = graph.sum(width, _weighted(a) + _weighted(b, -1), 0)[-1]
    return _padded(less ^ (cell.type in ("$ge", "$le")), cell)


def _equal(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
    a, b = _operands(cell, inputs, max(len(inputs["A"]), len(inputs["B"])))
    differs = _any(graph, [graph.xor(x, y) for x, y in zip(a, b)])
    return _padded(differs ^ (cell.type in ("$eq", "$eqx")), cell)


def _any(graph: Graph, word: Word) -> int:
    found = 0
    for bit in word:
        found = graph.or_(found, bit)
    return found


def _reduce(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
    word, kind = inputs["A"], cell.type
    if kind in ("$reduce_or", "$reduce_bool"):
        return _padded(_any(graph, word), cell)
    if kind == "$logic_not":
        return _padded(_any(graph, word) ^ 1, cell)
    if kind == "$reduce_and":
        return _padded(_any(graph, [bit ^ 1 for bit in word]) ^ 1, cell)
    found = 0
    for bit in word:
        found = graph.xor(found, bit)
    return _padded(found ^ (kind == "$reduce_xnor"), cell)


def _logic(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
    a, b = _any(graph, inputs["A"]), _any(graph, inputs["B"])
    return _padded(graph.and_(a, b) if cell.type == "$logic_and" else graph.or_(a, b), cell)


def _mux(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
    select = inputs["S"][0]
    return [graph.mux(select, a, b) for a, b in zip(inputs["A"], inputs["B"])]


def _pmux(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
    """Where two selects are high, Yosys does not say what comes out: anything may."""
    width, found, chosen, several = cell.parameters["WIDTH"], inputs["A"], 0, 0
    for place, select in enumerate(inputs["S"]):
        several = graph.or_(several, graph.and_(chosen, select))
        chosen = graph.or_(chosen, select)
        found = [graph.mux(select, a, b) for a, b in zip(found, inputs["B"][place * width: (place + 1) * width])]
    return [graph.mux(several, bit, graph.opaque((cell.where, place), inputs["S"])) for place, bit in enumerate(found)]


def _shift(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
    """Shifts by a constant or by few bits. `$shiftx` beyond the word is anything at all: a free bit."""
    kind, width, amount = cell.type, _width(cell), list(inputs["B"])
    left = kind in ("$shl", "$sshl")
    either_way = bool(cell.parameters["B_SIGNED"]) and kind in ("$shift", "$shiftx")
    signed = bool(cell.parameters["A_SIGNED"])
    while len(amount) > 1 and amount[-1] == (amount[-2] if either_way else 0):
        amount.pop()
    if len(amount) > 16:
        raise NotUnderstood(f"cell {cell.where} shifts by more than 16 unknown bits")
    if kind == "$shiftx":
        word, beyond = list(inputs["A"]), graph.opaque(cell.where, amount)
    else:
        word = _extended(list(inputs["A"]), max(width, len(inputs["A"])), signed)
        beyond = word[-1] if kind == "$sshr" and signed else 0

    def bit(place: int, distance: int) -> int:
        if either_way and distance >> len(amount) - 1:
            distance -= 1 << len(amount)
        place += -distance if left else distance
        return word[place] if 0 <= place < len(word) else (0 if left else beyond)

    return [graph.select(amount, [bit(place, distance) for distance in range(1 << len(amount))]) for place in range(width)]


def _position(graph: Graph, cell: Cell, inputs: dict[str, Word]) -> Word:
    return _operands(cell, inputs, _width(cell))[0]


_MAKERS = {
    "$and": _bitwise(Graph.and_), "$or": _bitwise(Graph.or_), "$xor": _bitwise(Graph.xor),
    "$xnor": _bitwise(lambda graph, a, b: graph.xor(a, b) ^ 1), "$not": _bitwise(lambda graph, a: a ^ 1), "$pos": _position,
    "$add": _add, "$sub": _add, "$neg": _negate, "$mul": _multiply, "$mux": _mux, "$pmux": _pmux,
    **{kind: _compare for kind in ("$lt", "$le", "$gt", "$ge")}, **{kind: _equal for kind in ("$eq", "$ne", "$eqx", "$nex")},
    **{kind: _reduce for kind in ("$reduce_or", "$reduce_and", "$reduce_bool", "$reduce_xor", "$reduce_xnor", "$logic_not")},
    "$logic_and": _logic, "$logic_or": _logic,
    **{kind: _shift for kind in ("$shl", "$sshl", "$shr", "$sshr", "$shift", "$shiftx")},
}
