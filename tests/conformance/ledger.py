"""Runs all of ONNX's node tests, and writes docs/CONFORMANCE.md and refused.txt from how they went.

PYTHON tests/conformance/ledger.py
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import node_tests
import onnx
from node_tests import DISPUTED, REFUSED, Result, Way

PAGE = Path(__file__).parents[2] / "docs" / "CONFORMANCE.md"

TIERS = Path(__file__).with_name("tiers.txt")
"""A tier and the name of a test, line by line. What tier 0 holds belongs to tier 1 too."""

COUNTED = ("passed", "refused", "disputed", "wrong", "crashed")

LACKING = "the engine has no such operator"

LACKING_TYPE = "the engine has no such type of elements"

ABOUT = """\
# Conformance

How ONNX's own node tests (`onnx` {version}, {count} tests) go through converter and engine, compared as ONNX's runner
does. This page is made by `tests/conformance/ledger.py`, and a test holds it to what happens.

| | tests | passed | refused by name | disputed | wrong | crashed |
|---|--:|--:|--:|--:|--:|--:|
{rows}

Tier 1 is what image networks are made of: all of their operators on float32, int8, uint8, int32, int64 and bool. Tier 0
are those that every network has: convolution, pooling, normalization, resizing and quantization on common types.
Refused means an error that names the operator and says what can be done, when the model is converted or loaded, or
when it is run where an input decides.
[refused.txt](../tests/conformance/refused.txt) lists all refused tests by reason.
"""


RANDOM = """
## Random graphs

`tests/conformance/random_graphs.py` draws graphs of 5 to 50 nodes of every fast operator that ONNX has not given up
(but CumProd, which onnxruntime lacks): odd shapes, broadcasting, shared values, several outputs, free sizes, sizes that
depend on numbers, layers as quantizers write them. Each runs with all passes and with some (pairwise: with the other
graphs, each two passes are on and off in all four ways), on another instruction set, on two threads and under the
least memory limit; the last two must give the same bits. All answers are compared with onnxruntime's, to 1e-4 of the
largest number (integers exactly); where they differ, one in double precision settles who is right. The tests run 500
graphs, and 60 in 16-bit floats.

Once, {graphs} graphs ran: {nodes} nodes; {cut} of the graphs were cut by a memory limit. Double precision sided with
the engine in all {settled} answers that differed. Seven graphs failed at first, and none does now: one by a pass, three
because onnxruntime and ONNX's reference norm groups in float32 (they are off by 5e-4 where a row is nearly constant,
the engine by 1e-7), three because they asked whether two computed floats are the same. What was found:

- Seventeen operators of ONNX's own reference, which folded constants and judged conversions, are not there or do not
  compute what ONNX's text says (LRN, ConvTranspose in groups, BatchNormalization before opset 14, most pooling with
  padding, ...). They are corrected in `converters/src/coverslip/onnx/corrections.py`.
- Passes took outputs of unknown rank for scalars: a Reshape between two was left out, a Cast of one failed.
- Models that shape inference rejects ended in its own exception, and the comparison of quantized networks where an
  output is of truths.
- In the engine: nothing.
"""

GRAPHS_RUN = {"graphs": "20,000", "nodes": "575,608", "cut": "4,378", "settled": "496"}
"""By random_graphs.py."""


def counted(result: Result) -> str:
    """The column of a test."""
    return "disputed" if result.outcome == "wrong" and result.name in DISPUTED else result.outcome


def reason(why: str) -> str:
    """An error without the names of its model: who complains, and of what; the first of several."""
    parts = re.split(r"(?:^|(?<= ))(\S+) '[^']*': ", why)
    said = [(who, re.split(r"; (?:known|possible) are| `slip info", text)[0]) for who, text in _pairs(parts[1:])]
    who, text = next((pair for pair in said if pair[1].startswith(LACKING)), said[0] if said else ("network", why))
    text = re.sub(r"^elements are", "its elements are", text).strip()
    return f"{who}: {text}"


def lacking_type(text: str) -> str:
    """The type that the engine does not have, if this says so."""
    found = re.search(r"(?:elements are|makes|is|computes in) ((?:u?int|float|string)\w*)\b", text)
    return found[1] if found else ""


def _pairs(parts: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(parts[::2], parts[1::2], strict=True))


def operator(name: str, cases: Mapping[str, Any]) -> str:
    """What a test is about; for one that is written out as a graph, its function."""
    whole = re.sub(r"_expanded(_ver\d+)?$", "", name)
    nodes = cases.get(whole, cases[name]).model.graph.node
    node = next((node for node in nodes if node.op_type != "Constant"), nodes[0])
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


def refusals(results: Sequence[Result]) -> str:
    """The text of refused.txt."""
    return "".join(f"# {why}\n" + "".join(f"{name}\n" for name in names) for why, names in _by_reason(results).items())


def _by_reason(results: Sequence[Result]) -> dict[str, list[str]]:
    found = defaultdict(list)
    for result in results:
        if result.outcome == "refused":
            found[reason(result.why)].append(result.name)
    return {why: sorted(found[why]) for why in sorted(found)}


def tiers() -> dict[str, set[str]]:
    """The names of the tests, all and by tier."""
    lines = [line.split() for line in TIERS.read_text(encoding="ascii").splitlines()]
    return {
        "Tier 0": {name for tier, name in lines if tier == "0"},
        "Tier 1": {name for _, name in lines},
    }


def _counts(results: Sequence[Result]) -> list[str]:
    counts = Counter(counted(result) for result in results)
    return [str(len(results)), *(str(counts[outcome]) for outcome in COUNTED)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _totals(results: Sequence[Result]) -> str:
    chosen = {title: [result for result in results if result.name in names] for title, names in tiers().items()}
    return "\n".join(_row([title, *_counts(part)]) for title, part in {**chosen, "All": results}.items())


def _reasons(results: Sequence[Result]) -> Iterator[str]:
    """One row for each reason; operators and types that the engine lacks stand in two."""
    rows, named = Counter[str](), defaultdict[str, list[str]](list)
    for why, names in _by_reason(results).items():
        who, text = why.split(": ", 1)
        lacks = lacking_type(text)
        row = LACKING if text == LACKING else LACKING_TYPE if lacks else why
        rows[row] += len(names)
        named[row] += [who] if text == LACKING else [lacks] if lacks and lacks not in named[row] else []
    for why, count in rows.most_common():
        yield _row([str(count), f"{why}: {', '.join(named[why])}" if named[why] else why])


def _operators(results: Sequence[Result], cases: Mapping[str, Any]) -> Iterator[str]:
    parts = defaultdict(list)
    for result in results:
        parts[operator(result.name, cases)].append(result)
    for name in sorted(parts, key=lambda name: (name.lower(), name)):
        given = [_short(reason(result.why), name) for result in parts[name] if result.outcome == "refused"]
        types = Counter(filter(None, map(lacking_type, given)))
        others = Counter(text for text in given if not lacking_type(text))
        rows = [f"elements are {', '.join(sorted(types))} ({types.total()})"] if types else []
        why = "; ".join([*rows, *(f"{text} ({count})" for text, count in others.most_common())])
        yield _row([name, *_counts(parts[name])[:4], why])


def _short(why: str, name: str) -> str:
    """A reason within its operator's row."""
    why = why.removeprefix(f"{name}: ").removeprefix("input: its ")
    return LACKING if why == LACKING else why.split(";")[0]


def page(results: Sequence[Result], cases: Mapping[str, Any]) -> str:
    """The whole document."""
    disputed = sorted(result.name for result in results if counted(result) == "disputed")
    about = ABOUT.format(version=onnx.__version__, count=len(results), rows=_totals(results))
    lines = [about, "## Disputed\n", "What the engine answers otherwise, and why that stays so.\n"]
    lines += ["| test | why |", "|---|---|", *(_row([name, DISPUTED[name]]) for name in disputed)] if disputed else []
    lines += ["\n## Why tests are refused\n", "| tests | reason |", "|--:|---|", *_reasons(results)]
    lines += ["\n## Operators\n", "| operator | tests | passed | refused | disputed | why refused |"]
    lines += ["|---|--:|--:|--:|--:|---|", *_operators(results, cases)]
    return "\n".join(lines) + "\n" + RANDOM.format(**GRAPHS_RUN)


def main() -> int:
    """Writes both. Returns 1 where anything was wrong or crashed."""
    cases = node_tests.cases()
    results = list(node_tests.check_all(list(cases.values()), Way()))
    REFUSED.write_text(refusals(results), encoding="ascii")
    PAGE.write_text(page(results, cases), encoding="utf-8")
    return 1 if any(counted(result) in ("wrong", "crashed") for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
