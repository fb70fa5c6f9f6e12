"""Removes nodes that nothing reads, and the constants that only they read."""

from __future__ import annotations

from ..ir import Graph


def run(graph: Graph) -> bool:
    """True if anything was removed."""
    needed = {value.name for value in graph.outputs}
    kept = []
    for node in reversed(graph.nodes):
        if any(name in needed for name in node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    constants = {name: array for name, array in graph.constants.items() if name in needed}
    changed = len(kept) != len(graph.nodes) or len(constants) != len(graph.constants)
    graph.nodes, graph.constants = kept[::-1], constants
    return changed
