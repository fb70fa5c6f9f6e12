// Broken files by the hundred thousand: cut, flipped and forged, as they are and with their hashes sealed again.
#include "io/slip_file.hpp"

using namespace coverslip;
using namespace coverslip::test;

namespace {

const std::string kGolden[] = {"v1", "v1_packed"};

bool structure(const SlipFile& file, std::uint64_t byte) { return byte < file.part(format::data::kSection).offset; }
bool within(const io::Part& part, std::uint64_t byte) {
  return byte >= part.offset && byte - part.offset < part.bytes.size();
}

// Neither a hash nor padding: what sealing leaves alone.
std::string field_at(const SlipFile& file, std::uint64_t byte) {
  for (const format::Section* s : all_sections()) {
    const io::Part part = file.part(*s);
    if (byte < part.offset || byte - part.offset >= part.bytes.size()) continue;
    const std::uint64_t within = (byte - part.offset) % s->record_size;
    for (const format::Field& f : s->fields)
      if (within >= f.offset && within < f.offset + io::width(f.type))
        return f.type == format::Type::Hash
                   ? ""
                   : std::string(s->name) + "." + std::string(f.name) + " byte " + std::to_string(within - f.offset);
    return std::string(s->name);
  }
  return "padding";
}

bool near_begin(const SlipFile& file, std::uint64_t byte) {
  return std::ranges::any_of(all_sections(), [&](const format::Section* section) {
    const std::uint64_t begin = file.part(*section).offset;
    return begin <= byte && byte - begin < 64;
  });
}

// What to try in a field; the same numbers as in converters/tests/test_format.py.
std::vector<std::uint64_t> hostile(std::uint64_t old, std::uint64_t file_size, std::uint64_t width) {
  std::vector<std::uint64_t> numbers{old + 1,
                                     old - 1,
                                     file_size,
                                     file_size - 1,
                                     file_size + 1,
                                     file_size - 64,
                                     0x3F800000,
                                     0x7F800000,
                                     0x7FC00000,
                                     0xFF800000,
                                     3,
                                     12,
                                     48};
  for (const unsigned bit : {0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 24, 31, 32, 40, 48, 63})
    for (const std::uint64_t edge : {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit}) numbers.push_back(edge);
  for (const std::uint64_t below : {1, 16, 64}) numbers.push_back(std::uint64_t{0} - below);
  if (width < 8)
    for (std::uint64_t& number : numbers) number &= (std::uint64_t{1} << 8 * width) - 1;
  std::erase(numbers, old);
  return numbers;
}

// FNV-1a.
std::uint64_t fingerprint(std::string_view text, std::uint64_t hash) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// What the reader says to every hostile number in one field of every record, in one line: a fingerprint of what it says
// to those in the first records, with which the Python reader agrees, then counts of all.
std::string verdict(const SlipFile& whole, const format::Section& section, const format::Field& field) {
  std::size_t refused = 0, accepted = 0;
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (std::uint64_t i = 0; i < whole.records(section); ++i) {
    SlipFile file = whole;
    const std::uint64_t old = get(file.at(section.name, i, field.name));
    for (const std::uint64_t number : hostile(old, whole.bytes().size(), io::width(field.type))) {
      file.set(section.name, i, field.name, number).seal(whole);
      const Outcome outcome = read(file);
      (outcome.accepted ? accepted : refused) += 1;
      if (i < 3) hash = fingerprint(outcome.text() + "\n", hash);
    }
  }
  return std::string(section.name) + "." + std::string(field.name) + " " +
         io::to_hex(std::as_bytes(std::span(&hash, 1))) + ": " + std::to_string(refused) + " refused, " +
         std::to_string(accepted) + " accepted\n";
}

// Against a file of tests/data/golden; where they differ, what is true now is left in build/.
void check_as_written(const std::string& text, const std::string& name) {
  std::ifstream file(COVERSLIP_SOURCE_DIR "/tests/data/golden/" + name);
  const bool same = text == std::string(std::istreambuf_iterator<char>(file), {});
  if (!same) std::ofstream(COVERSLIP_SOURCE_DIR "/build/" + name) << text;
  CHECK_MESSAGE(same, "compare build/", name, " with tests/data/golden/", name);
}

}  // namespace

TEST_CASE("a file that is cut is refused, also where its size and hashes are made to fit") {
  for (const std::string& name : kGolden) {
    const SlipFile whole(golden_file(name));
    for (std::size_t n = 0; n < whole.bytes().size(); ++n) {
      const Raw cut(whole.bytes().begin(), whole.bytes().begin() + static_cast<std::ptrdiff_t>(n));
      if (read(cut).accepted) FAIL("accepted ", n, " bytes");
      if (n < format::kHeader) continue;
      SlipFile sealed(cut);
      sealed.set("HEAD", 0, "file_size", n).seal(whole);
      if (read(sealed).accepted) FAIL("accepted ", n, " bytes, sealed");
    }
    CHECK(read(whole).accepted);
  }
}

TEST_CASE("a section that is cut is refused, also where all else is made to fit") {
  const Parts whole{SlipFile(golden_file("v1_packed"))};
  std::map<std::string_view, std::size_t> accepted;
  for (const format::Section& section : format::kSections)
    for (std::size_t n = 0; n < whole.sections.at(section.kind).bytes.size(); ++n) {
      Parts parts = whole;
      parts.sections[section.kind].bytes.resize(n);
      if (read(parts.file()).accepted) ++accepted[section.name];
    }
  CHECK(accepted ==
        std::map<std::string_view, std::size_t>{{"PREP", 1}, {"SMPL", 5}});  // no preprocessing; fewer samples
}

TEST_CASE("every flipped bit of the structure is refused by a check or a hash") {
  SlipFile file(golden_file("v1_packed"));
  const io::Part payloads = file.part(format::pdat::kSection);
  for (std::uint64_t byte = 0; structure(file, byte); ++byte)
    for (unsigned bit = 0; bit < 8 && !within(payloads, byte); ++bit) {
      file.bytes()[byte] ^= static_cast<std::byte>(1u << bit);
      if (read(file).accepted) FAIL("accepted bit ", bit, " of byte ", byte);
      file.bytes()[byte] ^= static_cast<std::byte>(1u << bit);
    }
  CHECK(read(file).accepted);
}

TEST_CASE("every flipped bit of the weights is refused when they are hashed") {
  SlipFile file(golden_file("v1_packed"));
  const io::Part data = file.part(format::data::kSection), packed = file.part(format::pdat::kSection);
  std::size_t flips = 0;
  for (std::uint64_t byte = packed.offset; byte < file.bytes().size(); ++byte) {
    if (!within(packed, byte) && !within(data, byte)) continue;
    ++flips;
    file.bytes()[byte] ^= std::byte{4};
    read(file);  // a payload may be anything
    CHECK_THROWS_AS(check_weights(file.bytes()), Error);
    file.bytes()[byte] ^= std::byte{4};
  }
  CHECK(flips == data.bytes.size() + packed.bytes.size());
}

// All 255 changes of the bytes near the begin of a section, and eight of the others.
TEST_CASE("the bytes of which no change is refused are those that mean any number") {
  const SlipFile whole(golden_file("v1_packed"));
  std::map<std::string, std::size_t> free;
  for (std::uint64_t byte = 0; structure(whole, byte); ++byte) {
    const std::string field = field_at(whole, byte);
    if (field.empty()) continue;
    SlipFile file = whole;
    bool accepted = true;
    const bool near = near_begin(whole, byte);
    for (unsigned change = 1; accepted && change < 256; change = near ? change + 1 : change * 2) {
      file.bytes()[byte] = whole.bytes()[byte] ^ static_cast<std::byte>(change);
      accepted = read(file.seal(whole)).accepted;
    }
    if (accepted) ++free[field];
  }
  std::string text;
  for (const auto& [field, n] : free) text += field + ": " + std::to_string(n) + "\n";
  check_as_written(text, "v1_packed.free");
}

TEST_CASE("hostile numbers in every field are refused as they ever were") {
  for (const std::string& name : kGolden) {
    const SlipFile whole(golden_file(name));
    std::string verdicts;
    for (const format::Section* section : all_sections())
      for (const format::Field& field : section->fields)
        if (field.type != format::Type::Hash && whole.records(*section) > 0)
          verdicts += verdict(whole, *section, field);
    check_as_written(verdicts, name + ".verdicts");
  }
}
