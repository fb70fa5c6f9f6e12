"""The command `coverslip` (also `python -m coverslip`): converts networks to `.slip` files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

from .errors import Error, exit_code
from .ir import FREE

if TYPE_CHECKING:
    from .conversion import Report


class _Parser(argparse.ArgumentParser):
    """Wrong usage ends with 1, as in all of coverslip's commands."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command. Returns its exit code."""
    options = _parser().parse_args(arguments)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        report = _convert(options, errors)
    except Error as error:
        if options.json:
            print(json.dumps({"error": error.code.value, "where": error.where, "message": error.message}, indent=2))
        else:
            errors.print(f"[bold red]coverslip:[/] {_plain(str(error))}")
        return exit_code(error)
    except KeyboardInterrupt:
        errors.print("coverslip: stopped; nothing was written", markup=False)
        return 1
    if options.json:
        print(json.dumps(asdict(report) | {"largest_difference": report.largest_difference}, indent=2))
    else:
        _print(report, Console(highlight=False, soft_wrap=True))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="coverslip", description="Networks for the coverslip inference engine.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    convert = commands.add_parser(
        "convert",
        help="ONNX, Keras, TensorFlow Lite, TensorFlow.js or PyTorch in, .slip out",
        epilog="exit codes: 0 ok, 1 usage, 2 bad model or input, 3 unsupported, 4 I/O, 5 memory, 6 verification failed",
    )
    add = convert.add_argument
    add("source", metavar="IN", help="an .onnx, .keras, .h5, .tflite, .pt2 or .pt file, or TensorFlow.js' model.json")
    add("-o", "--output", metavar="OUT.slip", required=True)
    add(
        "--shape",
        action="append",
        metavar="1,3,224,224",
        help="fix free dimensions, ? leaves one free, or frees one of a Keras file; NAME=1,3,... where inputs are many",
    )
    add("--labels", metavar="FILE", help="class names of the first output, one a line")
    add(
        "--preprocess",
        metavar="KEY=VALUE,...",
        help="color=BGR,scale=1/255,mean=0.5:0.5:0.5,std=...,resize=..., or imagenet",
    )
    add(
        "--precision",
        default="float32",
        metavar="float32|float16|bfloat16",
        help="of weights as the file holds them: half of the bytes, the same arithmetic",
    )
    add(
        "--pack",
        metavar="TARGET",
        help="also weights packed for an instruction set, avx2 say, of this machine: larger, and loads at once there",
    )
    add("--meta", action="append", default=[], metavar="KEY=TEXT", help="title, licence, authors, ...")
    add("--no-verify", action="store_true", help="write without comparing with the source")
    add("--json", action="store_true", help="print the report as JSON")
    return parser


def _shape(parser_error: Callable[[str], NoReturn], texts: list[str] | None) -> dict[str, tuple[int, ...]] | None:
    """`1,3,224,224` for the only input, `NAME=1,3,...` by name."""
    shapes = {}
    for text in texts or []:
        name, _, dims = text.rpartition("=")
        try:
            shapes[name] = tuple(FREE if dim == "?" else int(dim) for dim in dims.split(","))
        except ValueError:
            parser_error(f"--shape {text}: expected whole numbers, or ? for free, between commas")
    return shapes or None


def _convert(options: argparse.Namespace, console: Console) -> Report:
    from .conversion import Options, convert  # importing onnx takes a second, which usage errors need not wait for

    usage = _Parser(prog="coverslip convert", usage="coverslip convert IN -o OUT.slip [options]").error
    meta = {}
    for text in options.meta:
        key, equals, value = text.partition("=")
        if not equals or not key:
            usage(f"--meta {text}: expected KEY=TEXT")
        meta[key] = value
    name = Path(options.source).name
    quiet = options.json or not console.is_terminal
    with nullcontext() if quiet else console.status(name) as status:

        def show(text: str) -> None:
            if status is not None:
                status.update(f"{name}: {text}")

        wanted = Options(
            shape=_shape(usage, options.shape),
            labels=options.labels,
            preprocess=options.preprocess,
            precision=options.precision,
            meta=meta,
            pack=options.pack,
            progress=show,
        )
        return convert(options.source, options.output, not options.no_verify, wanted)


def _print(report: Report, console: Console) -> None:
    console.print(f"[bold]{Path(report.destination).name}[/]  {report.bytes / 1e6:.1f} MB, {_counts(report)}")
    if report.passes:
        console.print(f"  simplified: {', '.join(report.passes)}", markup=False)
    if report.precision != "float32":
        sizes = f"{report.weight_bytes_before / 1e6:.1f} MB became {report.weight_bytes / 1e6:.1f} MB"
        console.print(f"  weights in {report.precision}: {sizes}", markup=False)
    if report.packed_for:
        console.print(f"  weights packed for {report.packed_for}", markup=False)
    for difference in report.differences:
        text = f"{difference.largest:.2g} at most, of answers up to {difference.scale:.3g}"
        console.print(f"  {difference.output}: {difference.against} differs by {text}", markup=False)
    console.print(f"  verified: {report.verified}", markup=False)
    for note in report.notes:
        console.print(f"  note: {note}", markup=False)
    for warning in report.warnings:
        console.print(f"[yellow]  warning:[/] {_plain(warning)}")


def _counts(report: Report) -> str:
    return f"{report.parameters / 1e6:.2f} M weights, {report.nodes_before} nodes became {report.nodes}"


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
