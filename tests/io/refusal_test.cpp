// One file for each check of the reader, which this check alone refuses.
#include "io/slip_file.hpp"

using namespace coverslip;
using namespace coverslip::test;

namespace {

// A field of the golden file that is set to a number, and what the reader says: the place is the field's own, where
// none is given.
struct Change {
  const char* section;
  std::uint64_t record;
  const char* field;
  std::uint64_t number;
  Errc code = Errc::BadModel;
  const char* place = "";
};

constexpr std::uint64_t bits(float number) { return std::bit_cast<std::uint32_t>(number); }
constexpr Errc kBad = Errc::BadModel, kNewer = Errc::Unsupported, kOver = Errc::OverBudget;

constexpr Change kChanges[] = {
    {"HEAD", 0, "magic", 0x0A1A0A0D504C5388},
    {"HEAD", 0, "version", 2, kNewer},
    {"HEAD", 0, "version", 0, kNewer},
    {"HEAD", 0, "header_size", 128},
    {"HEAD", 0, "file_size", 5505},
    {"HEAD", 0, "file_size", 1ull << 63},
    {"HEAD", 0, "sections", 0},
    {"HEAD", 0, "sections", 33},
    {"HEAD", 0, "sections", 0xFFFFFFFF},
    {"HEAD", 0, "features", 1, kNewer},
    {"HEAD", 0, "features", 1u << 31, kNewer},
    {"SECT", 0, "kind", 0},
    {"SECT", 1, "kind", 1},
    {"SECT", 2, "kind", 1},
    {"SECT", 15, "kind", 32, kNewer},
    {"SECT", 15, "kind", 33, kNewer},
    {"SECT", 15, "kind", 34, kNewer},
    {"SECT", 16, "kind", 65},
    {"SECT", 16, "kind", 63, kNewer},
    {"SECT", 2, "record_size", 8},
    {"SECT", 2, "record_size", 0},
    {"SECT", 2, "flags", 0},
    {"SECT", 11, "flags", 0},
    {"SECT", 2, "flags", 3},
    {"SECT", 3, "offset", 64},
    {"SECT", 3, "offset", ~63ull},
    {"SECT", 3, "size", 0},
    {"SECT", 3, "size", 9},
    {"SECT", 3, "size", 1ull << 40},
    {"SECT", 3, "size", ~7ull},
    {"SECT", 3, "expanded", 1ull << 40},
    {"STRI", 4, "end", 0},
    {"STRI", 4, "end", 0xFFFFFFFF},
    {"STRI", 10, "first", 1u << 30, kBad, "NODE[2].op"},
    {"DIMS", 0, "dim", 1u << 31},
    {"DIMS", 0, "dim", 0xFFFFFFFF},
    {"DIMS", 61, "dim", 4},
    {"DIMS", 0, "dim", 0x7FFFFFFF, kOver, "DIMS[1].dim"},
    {"FLTS", 0, "value", 0x7FC00000},
    {"FLTS", 0, "value", 0xFF800001},
    {"VALS", 3, "name", 10000},
    {"VALS", 3, "role", 3},
    {"VALS", 12, "role", 0},
    {"VALS", 3, "dtype", 8},
    {"VALS", 3, "dtype", 9, kNewer},
    {"VALS", 3, "rank", 9},
    {"VALS", 31, "rank", 8},
    {"VALS", 3, "zero", 1},
    {"TENS", 1, "offset", 0},
    {"TENS", 1, "offset", 1ull << 63},
    {"TENS", 1, "size", 1ull << 40},
    {"TENS", 1, "encoding", 1, kNewer},
    {"TENS", 1, "quant", 1, kNewer},
    {"EDGE", 0, "value", 12},
    {"EDGE", 0, "value", 0x7FFFFFFF},
    {"EDGE", 1, "value", 1},
    {"EDGE", 5, "value", 0xFFFFFFFF},
    {"ATTR", 0, "key", 10000},
    {"ATTR", 0, "type", 0, kNewer},
    {"ATTR", 0, "type", 6, kNewer},
    {"ATTR", 0, "value", 10000},
    {"ATTR", 1, "value", 10000},
    {"NODE", 3, "op", 10000},
    {"NODE", 3, "name", 10000},
    {"NODE", 3, "version", 2, kNewer},
    {"NODE", 3, "inputs", 10000},
    {"NODE", 3, "outputs", 0},
    {"NODE", 3, "outputs", 0x80000000},
    {"NODE", 3, "attributes", 10000},
    {"OUTP", 0, "value", 32},
    {"LABL", 0, "text", 10000},
    {"PREP", 0, "layout", 2},
    {"PREP", 0, "layout", 1, kBad, "PREP[0].color"},
    {"PREP", 0, "color", 3},
    {"PREP", 0, "color", 2, kBad, "PREP[0].means"},
    {"PREP", 0, "resize", 3},
    {"PREP", 0, "means", 1},
    {"PREP", 0, "means", 4},
    {"PREP", 0, "means", 0, kBad, "PREP[0].mean0"},
    {"PREP", 0, "stds", 1},
    {"PREP", 0, "stds", 0, kBad, "PREP[0].std0"},
    {"PREP", 0, "zero1", 1},
    {"PREP", 0, "width", 9},
    {"PREP", 0, "height", 9},
    {"PREP", 0, "height", 65536},
    {"PREP", 0, "scale", bits(-0.f)},
    {"PREP", 0, "scale", 0x7F800000},
    {"PREP", 0, "mean1", 0x7FC00000},
    {"PREP", 0, "std1", bits(0.f)},
    {"PREP", 0, "std1", bits(-1.f)},
    {"META", 1, "key", 10000},
    {"META", 1, "text", 10000},
    {"GOLD", 0, "high", bits(-1.f)},
    {"GOLD", 0, "low", 0xFF800000},
    {"GOLD", 0, "tolerance", bits(-1.f)},
    {"SMPL", 0, "output", 2},
    {"SMPL", 1, "index", 0},
    {"SMPL", 5, "index", ~0ull},
    {"SMPL", 3, "value", 0x7F800000},
};

// A file of one constant that is its output; numbers are those of its records.
struct Tiny {
  std::vector<std::uint64_t> dims{1};
  std::uint64_t dtype = 0, size = 4;
  std::string name = "c";

  Parts parts() const {
    Parts p;
    p.add("STRI", {name.size(), 0}).add("STRS", name);
    for (const std::uint64_t dim : dims) p.add("DIMS", {dim});
    p.add("VALS", {0, 0, dtype, dims.size(), 0}).add("TENS", {0, size, 0, 0}).add("OUTP", {0});
    p["DATA"] = Raw(std::min<std::uint64_t>(size, 64));
    return p;
  }
};

}  // namespace

TEST_CASE("a field that is wrong is refused with its place, whole as the file is otherwise") {
  const SlipFile whole;
  for (const Change& change : kChanges) {
    CAPTURE(std::string(change.section) + "." + change.field + " = " + std::to_string(change.number));
    SlipFile file = whole;
    file.set(change.section, change.record, change.field, change.number).seal(whole);
    const Outcome outcome = read(file);
    REQUIRE_FALSE(outcome.accepted);
    CHECK(to_string(outcome.code) == to_string(change.code));
    if (*change.place != 0) {
      CHECK(outcome.place() == std::string(change.place));
      continue;
    }
    const io::Table table(section_of(change.section), whole.part(section_of(change.section)));
    CHECK(outcome.where == table.where(change.record, field_of(table.section(), change.field)));
  }
}

TEST_CASE("a file without a whole header, or without room for its section records, is refused") {
  const Raw whole = golden_file();
  for (const std::size_t n : {0, 1, 8, 63})
    CHECK(read(std::span(whole).first(n)).text() == "BadModel byte 0, HEAD.magic");
  SlipFile file = Tiny().parts().file();
  file.set("HEAD", 0, "sections", 32);
  CHECK(read(file).text() == "BadModel byte 24, HEAD.sections");
}

TEST_CASE("kinds that are set aside are refused by name, critical or not") {
  for (const format::Reserved& reserved : format::kReserved) {
    Parts parts{SlipFile()};
    parts.sections[reserved.kind] = {Raw(8), 8, 0};
    CHECK(read(parts.file()).text() == "Unsupported byte 1088, SECT[16].kind");
  }
}

TEST_CASE("keys come sorted, so none comes twice") {
  SlipFile attributes, meta;
  attributes.set("ATTR", 1, "key", get(attributes.at("ATTR", 0, "key"))).seal();
  CHECK(read(attributes).place() == "ATTR[1].key");
  meta.set("META", 1, "key", get(meta.at("META", 0, "key"))).seal();
  CHECK(read(meta).place() == "META[1].key");
}

TEST_CASE("hashes that are not sealed are refused") {
  SlipFile file;
  file.set("INTS", 0, "value", 5);
  CHECK(read(file).place() == "SECT[3].sha256");
  SlipFile table;
  table.at("SECT", 16, "sha256")[7] ^= std::byte{16};
  CHECK(read(table).place() == "HEAD.root");
}

TEST_CASE("padding that is not zero is refused") {
  SlipFile file;
  const io::Part part = file.part(format::flts::kSection);
  file.bytes()[part.offset + part.bytes.size()] = std::byte{1};
  CHECK(read(file).text() == "BadModel byte " + std::to_string(part.offset + part.bytes.size()) + ", VALS.padding");
  SlipFile payload;
  const std::uint64_t begin = payload.part(format::data::kSection).offset + get(payload.at("TENS", 1, "size"));
  const std::uint64_t at = begin + get(payload.at("TENS", 1, "offset"));
  payload.bytes()[at] = std::byte{1};
  CHECK(read(payload.seal()).text() == "BadModel byte " + std::to_string(at) + ", DATA.padding");
}

TEST_CASE("bytes after the last section are refused") {
  SlipFile file;
  file.bytes().resize(file.bytes().size() + 1);
  CHECK(read(file).place() == "HEAD.file_size");
  file.set("HEAD", 0, "file_size", file.bytes().size()).seal();
  CHECK(read(file).text() == "BadModel byte 16, HEAD.file_size");
}

TEST_CASE("strings are sorted, whole UTF-8 without control characters") {
  const auto text = [](std::string_view s) { return read(Tiny{.name = std::string(s)}.parts().file()).text(); };
  for (const char* good : {"c", "\xC2\xA0", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "Z\xC3\xBCrich"})
    CHECK(text(good) == "accepted");
  for (const char* bad : {"\x01", "\x1F", "\x7F", "\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41",
                          "\xC2\x80", "\xC2\x9F", "\xE0\x9F\xBF", "\xE1\x80", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF1\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"})
    CHECK(text(bad) == "BadModel byte 576, STRS[0]");  // after seven section records, and 64 bytes with STRI
  CHECK(text("ab\xE2\x82") == "BadModel byte 578, STRS[0]");
  CHECK(text("abc\t") == "BadModel byte 579, STRS[0]");
  CHECK(text("line\nbreak").ends_with("VALS[0].name"));
  CHECK(text(std::string(1024, 'n')) == "accepted");
  CHECK(text(std::string(1025, 'n')).ends_with("VALS[0].name"));
  Parts unsorted{SlipFile()};
  unsorted["STRS"][0] = std::byte{'z'};  // of string 1; string 0 is empty
  CHECK(read(unsorted.file()).place() == "STRI[2].end");
  Parts longer{SlipFile()};
  longer["STRS"].push_back(std::byte{'z'});
  CHECK(read(longer.file()).place() == "STRS.size");
}

TEST_CASE("values have names of their own, and all strings are in use") {
  Parts twice = Tiny().parts();
  twice.add("VALS", {0, 1, 0, 0, 0});
  CHECK(read(twice.file()).place() == "VALS[1].name");
  Parts nameless = Tiny{.name = ""}.parts();
  CHECK(read(nameless.file()).place() == "VALS[0].name");
  Parts unused = Tiny().parts();
  unused["STRI"].clear();
  unused["STRS"].clear();
  unused.add("STRI", {1, 0}).add("STRI", {2, 1}).add("STRS", "cd");
  CHECK(read(unused.file()).place() == "STRI.first");
}

TEST_CASE("every record belongs to something") {
  const auto place = [](std::string_view section, std::initializer_list<std::uint64_t> record) {
    Parts parts{SlipFile()};
    parts.add(section, record);
    return read(parts.file()).place();
  };
  CHECK(place("DIMS", {1}) == "DIMS[64].dim");
  CHECK(place("INTS", {1}) == "INTS[16].value");
  CHECK(place("FLTS", {0}) == "FLTS[3].value");
  CHECK(place("EDGE", {0}) == "EDGE[33].value");
  CHECK(place("ATTR", {0, 1, 1}) == "ATTR[17].key");
  CHECK(place("TENS", {0, 0, 0, 0}) == "TENS[11].offset");
  Parts data{SlipFile()};
  data["DATA"].push_back(std::byte{0});
  CHECK(read(data.file()).place() == "DATA.size");
  Parts missing{SlipFile()};
  missing["TENS"].resize(missing["TENS"].size() - 24);
  CHECK(read(missing.file()).place() == "VALS[10].role");
}

TEST_CASE("a graph has outputs, each once, and uses all its constants") {
  Parts none = Tiny().parts();
  none["OUTP"].clear();
  CHECK(read(none.file()).text() == "BadModel byte 24, HEAD.sections");
  Parts twice = Tiny().parts();
  twice.add("OUTP", {0});
  CHECK(read(twice.file()).place() == "OUTP[1].value");
  Parts unused = Tiny().parts();
  unused["OUTP"].clear();
  unused["STRI"].clear();
  unused["STRS"].clear();
  unused.add("STRI", {1, 0}).add("STRI", {2, 1}).add("STRS", "cx").add("VALS", {1, 1, 0, 0, 0}).add("OUTP", {1});
  CHECK(read(unused.file()).place() == "VALS[0].role");
}

TEST_CASE("every value is made") {
  Parts parts = Tiny().parts();
  parts["STRI"].clear();
  parts["STRS"].clear();
  parts.add("STRI", {1, 0}).add("STRI", {2, 1}).add("STRS", "cx").add("VALS", {1, 2, 0, 0, 0});
  CHECK(read(parts.file()).place() == "VALS[1].role");
}

TEST_CASE("preprocessing is for an f32 input of four dimensions") {
  const auto place = [](std::uint64_t dtype, std::uint64_t rank) {
    Parts p;
    p.add("STRI", {1, 0}).add("STRS", "x").add("VALS", {0, 1, dtype, rank, 0}).add("OUTP", {0});
    for (std::uint64_t axis = 0; axis < rank; ++axis) p.add("DIMS", {format::kNone});
    p.add("PREP", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, bits(1.f), 0, 0, 0, 0, 0, 0});
    return read(p.file()).place();
  };
  CHECK(place(0, 4) == "accepted");
  CHECK(place(0, 3) == "PREP[0].layout");
  CHECK(place(1, 4) == "PREP[0].layout");
  Parts none = Tiny().parts();
  none.add("PREP", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, bits(1.f), 0, 0, 0, 0, 0, 0});
  CHECK(read(none.file()).place() == "PREP[0].layout");
}

TEST_CASE("a sample lies within its output") {
  Parts parts = Tiny{.dims = {2, 3}, .size = 24}.parts();
  parts.add("GOLD", {7, bits(0.f), bits(1.f), 0}).add("SMPL", {0, bits(1.f), 5});
  CHECK(read(parts.file()).accepted);
  parts["SMPL"].clear();
  parts.add("SMPL", {0, bits(1.f), 6});
  CHECK(read(parts.file()).place() == "SMPL[0].index");
}

TEST_CASE("golden case and samples come together") {
  Parts samples{SlipFile()}, alone{SlipFile()}, many{SlipFile()};
  samples["SMPL"].clear();
  CHECK(read(samples.file()).place() == "GOLD[0].seed");
  alone["GOLD"].clear();
  CHECK(read(alone.file()).place() == "SMPL[0].output");
  many["SMPL"].resize(511 * 16);
  CHECK(read(many.file()).place() == "SECT[15].size");
}

TEST_CASE("a bool is 0 or 1") {
  Parts parts = Tiny{.dims = {3}, .dtype = 7, .size = 3}.parts();
  CHECK(read(parts.file()).accepted);
  parts["DATA"][2] = std::byte{2};
  CHECK(read(parts.file()).place() == "DATA.bool");
}

TEST_CASE("bombs are refused without memory") {
  constexpr std::uint64_t kMost = format::kMaxDim, kTera = std::uint64_t{1} << 40;
  const auto tiny = [](std::vector<std::uint64_t> dims, std::uint64_t size) {
    return read(Tiny{.dims = std::move(dims), .size = size}.parts().file()).text();
  };
  CHECK(tiny({1u << 30, 256}, kTera).starts_with("OverBudget"));
  CHECK(tiny({kMost, kMost, kMost, kMost, kMost, kMost, kMost, kMost}, 4).starts_with("OverBudget"));
  CHECK(tiny({1u << 16, 1u << 16, 1u << 16, 1u << 16}, 0).starts_with("OverBudget"));   // wraps to 0
  CHECK(tiny({1u << 30, 1u << 30, 1u << 4, 1}, 64).starts_with("OverBudget"));          // wraps to 0
  CHECK(tiny({0, kMost, kMost, kMost}, 0).starts_with("OverBudget"));                   // no elements, yet uncountable
  CHECK(tiny({1u << 16, 1u << 16}, std::uint64_t{1} << 34).ends_with("TENS[0].size"));  // 16 GB in a file of 700 bytes
  CHECK(tiny({0, 1u << 16, 1u << 16}, 0) == "accepted");
  const Tiny uncountable{.dims = {1u << 30, 1u << 30, 1u << 2},
                         .size = 0};  // 2^64 bytes, where the caller raised the limit
  CHECK(read(uncountable.parts().file(), {.elements = format::kAny}).text().ends_with("TENS[0].size"));
  CHECK(read(uncountable.parts().file(), {.elements = format::kAny}).code == Errc::OverBudget);
  const SlipFile whole = Tiny().parts().file();
  for (std::uint64_t i = 0; i < whole.sections(); ++i)
    for (const std::uint64_t size : {kTera, ~std::uint64_t{0}, ~std::uint64_t{63}, std::uint64_t{1} << 63}) {
      SlipFile file = whole;
      file.set("SECT", i, "size", size).set("SECT", i, "expanded", size).seal(whole);
      CHECK(read(file).place() == "SECT[" + std::to_string(i) + "].size");
    }
}

TEST_CASE("long names that many nodes share are counted before they are copied") {
  Parts parts = Tiny().parts();
  parts["STRI"].clear();
  parts["STRS"].clear();
  const std::string name(1024, 'z');
  parts.add("STRI", {1, 2}).add("STRI", {2, 0}).add("STRI", {3, 1}).add("STRI", {3 + name.size(), 3});
  parts.add("STRS", "Acx" + name);
  parts["VALS"].clear();
  parts["OUTP"].clear();
  parts.add("VALS", {1, 0, 0, 1, 0}).add("VALS", {2, 2, 0, 0, 0}).add("OUTP", {1}).add("EDGE", {0});
  parts.add("NODE", {0, 3, 1, 1, 1, 60000});
  CHECK(read(parts.file()).place() == "NODE[0].attributes");
  parts["NODE"].clear();
  parts.add("NODE", {0, 3, 1, 1, 1, 0});
  CHECK(read(parts.file()).accepted);
  for (int i = 0; i < 1000; ++i) parts.add("LABL", {3});
  CHECK(read(parts.file()).accepted);
  CHECK(read(parts.file(), {.graph_bytes = 1000 * 1024}).text().starts_with("OverBudget"));
}
