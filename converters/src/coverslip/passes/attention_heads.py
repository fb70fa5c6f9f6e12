"""Lets Attention take heads side by side, its form of three axes, where they were split and transposed for it."""

from __future__ import annotations

from dataclasses import dataclass

from ..attributes import integer, integers
from ..ir import FREE, Attribute, Graph, Node
from .matching import Matcher


@dataclass(frozen=True)
class _Heads:
    """Heads of a value [batch, rows, parts * heads * size]: those of one of its parts."""

    source: str
    index: int
    parts: int
    heads: int


def run(graph: Graph) -> bool:
    """True if any Attention was changed."""
    matcher = Matcher(graph)
    for node in list(graph.nodes):
        if node.op == "Attention" and len(node.inputs) <= 4 and "q_num_heads" not in node.attributes:
            _take_side_by_side(matcher, node)
    return matcher.clean()


def _take_side_by_side(matcher: Matcher, attention: Node) -> None:
    back = _given_back(matcher, attention)
    q, k, v = (_heads(matcher, name) for name in attention.inputs[:3])
    if back is None or q is None or k is None or v is None or k.heads != v.heads:
        return
    inputs = _parts(matcher, back, [q, k, v])
    attributes = attention.attributes | {"q_num_heads": q.heads, "kv_num_heads": k.heads}
    matcher.become(back, "Attention", [*inputs, *attention.inputs[3:]], **attributes)


def _given_back(matcher: Matcher, attention: Node) -> Node | None:
    """The Reshape after which the heads lie side by side again."""
    shape, transpose = matcher.sizes(attention.outputs[0]), matcher.only_user(attention.outputs[0])
    if transpose is None or transpose.op != "Transpose" or integers(transpose, "perm", []) != [0, 2, 1, 3]:
        return None
    back = matcher.only_user(transpose.outputs[0])
    if back is None or back.op != "Reshape" or FREE in shape[1:]:
        return None
    return back if matcher.sizes(back.outputs[0])[1:] == (shape[2], shape[1] * shape[3]) else None


def _heads(matcher: Matcher, value: str) -> _Heads | None:
    """Where heads of four axes come from."""
    node = matcher.made_by(value, "Transpose", "Gather", "Squeeze")
    if node is None:
        return None
    if node.op == "Transpose":
        return _transposed(matcher, node, [0, 2, 1, 3], 0)
    if node.op == "Gather":
        index, before = matcher.constant(node.inputs[1]), matcher.made_by(node.inputs[0], "Transpose")
        if index is None or index.ndim or integer(node, "axis", 0) or before is None:
            return None
        return _transposed(matcher, before, [2, 0, 3, 1, 4], int(index))
    taken, cut = _taken(matcher, node.inputs[0]), matcher.maker(node.inputs[0])
    before = matcher.made_by(cut.inputs[0], "Transpose") if cut is not None else None
    return None if before is None or taken is None else _transposed(matcher, before, [2, 0, 3, 1, 4], taken)


def _taken(matcher: Matcher, value: str) -> int | None:
    """Which one along the first axis a Split or a Slice gives."""
    cut = matcher.made_by(value, "Split", "Slice")
    if cut is None or matcher.sizes(value)[:1] != (1,):
        return None
    if cut.op == "Split":
        whole = matcher.sizes(cut.inputs[0])[:1] == (len(cut.outputs),)
        return cut.outputs.index(value) if whole and integer(cut, "axis", 0) == 0 else None
    begin = matcher.constant(cut.inputs[1])
    axes = matcher.constant(cut.inputs[3]) if len(cut.inputs) > 3 else None
    if begin is None or axes is None or begin.size != 1 or axes.reshape(-1).tolist() != [0]:
        return None
    return int(begin.reshape(-1)[0])


def _transposed(matcher: Matcher, node: Node, perm: list[int], index: int) -> _Heads | None:
    """The heads that a Transpose gives, if a Reshape split them off before."""
    split = matcher.made_by(node.inputs[0], "Reshape")
    if split is None or integers(node, "perm", []) != perm:
        return None
    before, after = matcher.sizes(split.inputs[0]), matcher.sizes(split.outputs[0])
    if len(before) != 3 or len(after) != len(perm) or FREE in before[1:] or FREE in after[1:]:
        return None
    parts, heads, size = (1, *after[2:])[-3:]
    fits = before[1] == after[1] and before[2] == parts * heads * size and -parts <= index < parts
    return _Heads(split.inputs[0], index % parts, parts, heads) if fits else None


def _parts(matcher: Matcher, place: Node, wanted: list[_Heads]) -> list[str]:
    """Parts of values; each value is split once."""
    splits: dict[str, list[str]] = {}
    for heads in wanted:
        if heads.parts > 1 and heads.source not in splits:
            outputs = [matcher.fresh(f"{heads.source}.part{i}") for i in range(heads.parts)]
            attributes: dict[str, Attribute] = {"axis": 2, "num_outputs": heads.parts}
            matcher.insert_before(place, Node("Split", f"{place.name}.split", [heads.source], outputs, attributes))
            splits[heads.source] = outputs
    return [splits[heads.source][heads.index] if heads.parts > 1 else heads.source for heads in wanted]
