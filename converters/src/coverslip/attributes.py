"""Typed reading of a node's attributes."""

from __future__ import annotations

from .errors import Errc, Error
from .ir import Node


def label(node: Node) -> str:
    """How messages name a node."""
    return f"{node.op} '{node.name}'"


def _wrong(node: Node, key: str, wanted: str) -> Error:
    return Error(Errc.BadModel, label(node), f"attribute '{key}' is {node.attributes[key]!r}, expected {wanted}")


def integer(node: Node, key: str, default: int) -> int:
    """An integer attribute."""
    value = node.attributes.get(key, default)
    if not isinstance(value, int):
        raise _wrong(node, key, "an integer")
    return value


def real(node: Node, key: str, default: float) -> float:
    """A float attribute."""
    value = node.attributes.get(key, default)
    if not isinstance(value, (int, float)):
        raise _wrong(node, key, "a number")
    return float(value)


def text(node: Node, key: str, default: str) -> str:
    """A string attribute."""
    value = node.attributes.get(key, default)
    if not isinstance(value, str):
        raise _wrong(node, key, "a string")
    return value


def integers(node: Node, key: str, default: list[int]) -> list[int]:
    """A list of integers."""
    value = node.attributes.get(key, default)
    if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
        raise _wrong(node, key, "a list of integers")
    return [int(item) for item in value]
