"""A graph with an index of makers and users of every value, kept true while a pass rewrites it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from .ir import Array, Graph, Node


def copied(graph: Graph) -> Graph:
    """A graph that can be rewritten apart from the other. The arrays, which nothing changes in place, are shared."""
    nodes = [Node(n.op, n.name, list(n.inputs), list(n.outputs), dict(n.attributes)) for n in graph.nodes]
    return replace(graph, nodes=nodes, constants=dict(graph.constants), values=dict(graph.values))


class Editor:
    """All rewriting of a graph by a pass goes through here, so that the index stays true."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._maker: dict[str, Node] = {}
        self._users: dict[str, list[Node]] = defaultdict(list)
        self._outputs = {value.name for value in graph.outputs}
        for node in graph.nodes:
            self._link(node)

    def maker(self, value: str) -> Node | None:
        """The node that makes a value; none for inputs and constants."""
        return self._maker.get(value)

    def users(self, value: str) -> list[Node]:
        """The nodes that read a value, one entry for each reading."""
        return list(self._users[value])

    def is_output(self, value: str) -> bool:
        """Whether the value leaves the graph."""
        return value in self._outputs

    def constant(self, value: str) -> Array | None:
        """The array behind a name, if it is a constant."""
        return self.graph.constants.get(value)

    def only_user(self, value: str) -> Node | None:
        """The node that reads the value, if nothing else needs it."""
        users = self._users[value]
        return users[0] if len(users) == 1 and value not in self._outputs else None

    def constants_of(self, node: Node, first: int = 1) -> list[Array] | None:
        """The inputs from `first` on, if all that are there are constants."""
        arrays = [self.constant(name) for name in node.inputs[first:] if name]
        return None if any(array is None for array in arrays) else [array for array in arrays if array is not None]

    def add_constant(self, hint: str, array: Array) -> str:
        """Stores an array under a name that is not taken yet."""
        name = self.fresh(hint)
        self.graph.constants[name] = array
        return name

    def fresh(self, hint: str) -> str:
        """A value name that is not taken yet."""
        taken = {value.name for value in self.graph.inputs}
        name, count = hint, 1
        while name in self._maker or name in self.graph.constants or name in taken:
            name, count = f"{hint}_{count}", count + 1
        return name

    def set_inputs(self, node: Node, inputs: list[str]) -> None:
        """Gives a node other inputs."""
        self._unlink(node)
        node.inputs = inputs
        self._link(node)

    def set_outputs(self, node: Node, outputs: list[str]) -> None:
        """Gives a node's outputs other names."""
        self._unlink(node)
        node.outputs = outputs
        self._link(node)

    def remove(self, node: Node) -> None:
        """Takes a node out; what it made must have no user, or get a new maker."""
        self._unlink(node)
        self.graph.nodes = [other for other in self.graph.nodes if other is not node]

    def insert_after(self, place: Node, node: Node) -> None:
        """Puts a node right behind another."""
        at = next(i for i, other in enumerate(self.graph.nodes) if other is place)
        self.graph.nodes.insert(at + 1, node)
        self._link(node)

    def insert_before(self, place: Node, node: Node) -> None:
        """Puts a node right before another."""
        at = next(i for i, other in enumerate(self.graph.nodes) if other is place)
        self.graph.nodes.insert(at, node)
        self._link(node)

    def move_before(self, place: Node, node: Node) -> None:
        """Moves a node right before another."""
        self.graph.nodes = [other for other in self.graph.nodes if other is not node]
        at = next(i for i, other in enumerate(self.graph.nodes) if other is place)
        self.graph.nodes.insert(at, node)

    def redirect(self, old: str, new: str) -> None:
        """Makes every node that reads `old` read `new`."""
        for user in {id(node): node for node in self._users[old]}.values():
            self.set_inputs(user, [new if name == old else name for name in user.inputs])

    def absorb_next(self, node: Node, following: Node) -> None:
        """Removes `following`, which alone reads the node's output; the node makes its output instead."""
        self.remove(following)
        self.set_outputs(node, list(following.outputs))

    def bypass(self, node: Node) -> bool:
        """Removes a node whose first output equals its first input. False if that would rename a graph's edge."""
        source, result = node.inputs[0], node.outputs[0]
        if not self.is_output(result):
            self.remove(node)
            self.redirect(result, source)
            return True
        maker = self.maker(source)
        if maker is None or self.is_output(source):
            return False
        self.remove(node)
        self.set_outputs(maker, [result if name == source else name for name in maker.outputs])
        self.redirect(source, result)
        return True

    def _link(self, node: Node) -> None:
        for name in node.outputs:
            if name:
                self._maker[name] = node
        for name in node.inputs:
            if name:
                self._users[name].append(node)

    def _unlink(self, node: Node) -> None:
        for name in node.outputs:
            if self._maker.get(name) is node:
                del self._maker[name]
        for name in set(node.inputs):
            if name:
                self._users[name] = [user for user in self._users[name] if user is not node]
