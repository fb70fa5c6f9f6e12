"""Makes include/coverslip/io/format.hpp and the tables of docs/FORMAT.md from the schema; `--check`: are they fresh?"""

from __future__ import annotations

import sys
from pathlib import Path

from .schema import ALIGN, HEAD, HEADER, MAX_DIM, MAX_NAME, RESERVED, ROOT, SECT, SECTIONS, UNSTATED, Field, Section


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _cpp_field(field: Field, offset: int) -> str:
    kind = {"f32": "F32", "f32inf": "F32Inf", "hash": "Hash"}.get(field.type, field.type.upper())
    top = "kAny" if field.most < 0 else str(field.most) + "u"
    tail = f", {str(field.unsupported).lower()}, {_quoted(field.hint)}" if field.hint else ""
    return f"{{{_quoted(field.name)}, {offset}, Type::{kind}, {field.least}u, {top}{tail}}}"


def _word(value: bool) -> str:
    return str(value).lower()


def _cpp_section(section: Section) -> list[str]:
    space = section.name.lower()
    lines = [f"namespace {space} {{  // {section.what}"]
    names = []
    for field in section.fields:
        names.append("k" + "".join(part.capitalize() for part in field.name.split("_")))
        lines.append(f"inline constexpr Field {names[-1]}{_cpp_field(field, section.offset(field.name))};")
    if names:
        lines += _wrapped("inline constexpr Field kFields[] = {", names, "};")
    fields = "kFields" if names else "{}"
    tail = "" if section.critical and section.hashed else f", {_word(section.critical)}, {_word(section.hashed)}"
    lines.append(
        f'inline constexpr Section kSection{{"{section.name}", {section.kind}, {section.record_size}, '
        f"{section.most}u, {fields}{tail}}};"
    )
    return [*lines, f"}}  // namespace {space}", ""]


def _wrapped(begin: str, items: list[str], end: str) -> list[str]:
    lines = [begin]
    for i, item in enumerate(items):
        piece = item + (", " if i + 1 < len(items) else end)
        if len(lines[-1]) + len(piece.rstrip()) > 120:
            lines[-1] = lines[-1].rstrip()
            lines.append("    ")
        lines[-1] += piece
    return lines


def cpp_header() -> str:
    lines = [
        "// The layout of a .slip file; made from converters/src/coverslip/schema.py, so change it there.",
        "// clang-format off",
        "#pragma once",
        "#include <cstdint>",
        "#include <span>",
        "#include <string_view>",
        "",
        "namespace coverslip {",
        "inline namespace v0 {",
        "namespace format {",
        "",
        f"inline constexpr std::uint64_t kAlign = {ALIGN}, kHeader = {HEADER}, kRoot = {ROOT};",
        "inline constexpr std::uint64_t kAny = ~std::uint64_t{0};",
        "inline constexpr std::uint32_t kNone = 0xFFFFFFFFu;  // an absent input, a free dimension",
        f"inline constexpr std::uint32_t kMaxDim = {MAX_DIM}u, kMaxName = {MAX_NAME}u;",
        f"inline constexpr std::uint8_t kUnstated = {UNSTATED};  // the dtype of a value whose type is not claimed",
        "",
        "enum class Type : std::uint8_t { U8, U16, U32, U64, I64, F32, F32Inf, Hash };",
        "",
        "// One number of a record, refused outside least..most; as unsupported, if a later version may allow it.",
        "struct Field {",
        "  std::string_view name;",
        "  std::uint32_t offset;",
        "  Type type;",
        "  std::uint64_t least, most;",
        "  bool unsupported = false;",
        '  std::string_view hint = "";',
        "};",
        "",
        "struct Section {",
        "  std::string_view name;",
        "  std::uint32_t kind, record_size;",
        "  std::uint64_t most;  // records",
        "  std::span<const Field> fields;  // none: bytes",
        "  bool critical = true;           // else a reader that does not know it skips it",
        "  bool hashed = true;             // while reading; else when somebody asks",
        "};",
        "",
    ]
    for section in (HEAD, SECT, *SECTIONS):
        lines += _cpp_section(section)
    lines += _wrapped(
        "inline constexpr Section kSections[] = {", [f"{s.name.lower()}::kSection" for s in SECTIONS], "};"
    )
    lines += ["", "struct Reserved {", "  std::uint32_t kind;", "  std::string_view name;", "};", "// Refused by name."]
    lines += _wrapped(
        "inline constexpr Reserved kReserved[] = {", [f'{{{kind}, "{name}"}}' for kind, name in RESERVED.items()], "};"
    )
    lines += ["", "}  // namespace format", "}  // namespace v0", "}  // namespace coverslip"]
    return "\n".join(lines) + "\n"


def _title(section: Section) -> str:
    if not section.kind:
        return f"### {section.name}: {section.what} ({section.record_size} bytes)"
    most = f", at most {section.most}" if section.most < 2**31 - 1 else ""
    unit = f"records of {section.record_size} bytes{most}" if section.fields else "bytes"
    return f"### {section.kind} {section.name}: {section.what} ({unit})"


def document_tables() -> str:
    """The part of docs/FORMAT.md between its two markers."""
    lines: list[str] = []
    for section in (HEAD, SECT, *SECTIONS):
        lines += [_title(section), ""]
        if not section.fields:
            continue
        lines += ["| byte | field | type | check |", "|---|---|---|---|"]
        for field in section.fields:
            bounds = f" ({field.least}..{field.most})" if field.most > field.least else ""
            lines.append(f"| {section.offset(field.name)} | {field.name} | {field.type} | {field.rule}{bounds} |")
        lines.append("")
    return "\n".join(lines)


BEGIN, END = "<!-- tables: made by converters/src/coverslip/schema.py -->", "<!-- end of the tables -->"


def products(root: Path) -> dict[Path, str]:
    """What the two files should hold."""
    document = root / "docs" / "FORMAT.md"
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return {
        root / "include" / "coverslip" / "io" / "format.hpp": cpp_header(),
        document: f"{before}{BEGIN}\n{document_tables()}\n{END}{after}",
    }


def main(arguments: list[str]) -> int:
    stale = 0
    for path, text in products(Path(__file__).resolve().parents[3]).items():
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{path} is stale: run python -m coverslip.schema_export", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
