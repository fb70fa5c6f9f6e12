"""Equations of Einsum, written without ellipses and without axes of one element that stretch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from string import ascii_letters

Shape = tuple[int, ...]


def without_broadcasting(equation: str, shapes: Sequence[Shape]) -> tuple[str, list[list[int]]] | None:
    """The equation so written, and which axes of each operand it wants squeezed.

    None where there is nothing to be changed, or the equation does not fit the shapes.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        return None
    if not arrow:
        right = _implicit(terms)
    hidden = [len(shape) - len(_letters(term)) for term, shape in zip(terms, shapes, strict=True)]
    spare = [letter for letter in ascii_letters if letter not in equation][: max(hidden)]
    if len(spare) < max(hidden) or any(n < 0 or (n > 0 and "..." not in t) for n, t in zip(hidden, terms, strict=True)):
        return None
    if max(hidden) and "..." not in right:
        return None
    plain = [term.replace("...", "".join(spare[len(spare) - n :])) for term, n in zip(terms, hidden, strict=True)]
    single = _stretched(plain, shapes)
    if not any(single) and len({n for n, term in zip(hidden, terms, strict=True) if "..." in term}) < 2:
        return None
    kept = [
        "".join(letter for axis, letter in enumerate(term) if axis not in axes)
        for term, axes in zip(plain, single, strict=True)
    ]
    return f"{','.join(kept)}->{right.replace('...', ''.join(spare))}", single


def _letters(term: str) -> str:
    return term.replace("...", "")


def _implicit(terms: Sequence[str]) -> str:
    """What stands right of an arrow that is left out: the letters that occur once, in order."""
    counts = Counter(_letters("".join(terms)))
    once = "".join(sorted(letter for letter, count in counts.items() if count == 1))
    return ("..." if any("..." in term for term in terms) else "") + once


def _stretched(terms: Sequence[str], shapes: Sequence[Shape]) -> list[list[int]]:
    """The axes of one element whose letter stands for more elsewhere, or for a size that is not known yet."""
    pairs = [pair for term, shape in zip(terms, shapes, strict=True) for pair in zip(term, shape, strict=True)]
    longer = {letter for letter, size in pairs if size != 1}
    return [
        [axis for axis, letter in enumerate(term) if shape[axis] == 1 and letter in longer]
        for term, shape in zip(terms, shapes, strict=True)
    ]
