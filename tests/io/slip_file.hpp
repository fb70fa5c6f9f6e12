// A .slip file as tests take it apart, change it and seal it again; and what the reader makes of it.
#pragma once
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <map>

#include "allocations.hpp"
#include "coverslip/io/reader.hpp"

namespace coverslip::test {

using Raw = std::vector<std::byte>;

// "v1", or "v1_packed": the same with packed constants.
inline Raw golden_file(const std::string& name = "v1") {
  std::ifstream file(COVERSLIP_SOURCE_DIR "/tests/data/golden/" + name + ".slip", std::ios::binary);
  REQUIRE(file.good());
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline void put(std::span<std::byte> at, std::uint64_t number) {
  for (std::size_t i = 0; i < at.size(); ++i)
    at[i] = i < 8 ? static_cast<std::byte>(number >> 8 * i & 0xFF) : std::byte{0};
}
inline std::uint64_t get(std::span<const std::byte> at) {
  std::uint64_t number = 0;
  for (std::size_t i = std::min<std::size_t>(at.size(), 8); i-- > 0;)
    number = number << 8 | std::to_integer<unsigned>(at[i]);
  return number;
}

inline std::vector<const format::Section*> all_sections() {
  std::vector<const format::Section*> sections{&format::head::kSection, &format::sect::kSection};
  for (const format::Section& s : format::kSections) sections.push_back(&s);
  return sections;
}
inline const format::Section& section_of(std::string_view name) {
  for (const format::Section* s : all_sections())
    if (s->name == name) return *s;
  FAIL("no section ", name);
  throw;
}
inline const format::Field& field_of(const format::Section& section, std::string_view name) {
  for (const format::Field& f : section.fields)
    if (f.name == name) return f;
  FAIL("no field ", name);
  throw;
}

// Bytes of a file with a whole section table, until a test changes them.
class SlipFile {
 public:
  explicit SlipFile(Raw bytes = golden_file()) : bytes_(std::move(bytes)) {}

  const Raw& bytes() const { return bytes_; }
  Raw& bytes() { return bytes_; }
  std::uint64_t sections() const { return get(std::span(bytes_).subspan(24, 4)); }
  // The record of the section, or sections().
  std::uint64_t index(std::uint32_t kind) const {
    for (std::uint64_t i = 0; i < sections(); ++i)
      if (get(record(i).first(4)) == kind) return i;
    return sections();
  }
  io::Part part(const format::Section& section) const {
    const std::span<const std::byte> file(bytes_);
    if (section.name == "HEAD") return {file.first(format::kHeader), 0};
    if (section.name == "SECT")
      return {file.subspan(format::kHeader, sections() * section.record_size), format::kHeader};
    const std::uint64_t i = index(section.kind);
    if (i == sections()) return {};
    const std::uint64_t offset = get(record(i).subspan(8, 8)), size = get(record(i).subspan(16, 8));
    return {file.subspan(offset, size), offset};
  }
  std::uint64_t records(const format::Section& section) const {
    return part(section).bytes.size() / section.record_size;
  }
  std::uint64_t offset(const format::Section& section, std::uint64_t i, const format::Field& field) const {
    return part(section).offset + i * section.record_size + field.offset;
  }
  std::span<std::byte> at(std::string_view section, std::uint64_t i, std::string_view field) {
    const format::Section& s = section_of(section);
    const format::Field& f = field_of(s, field);
    return std::span(bytes_).subspan(offset(s, i, f), io::width(f.type));
  }
  SlipFile& set(std::string_view section, std::uint64_t i, std::string_view field, std::uint64_t number) {
    put(at(section, i, field), number);
    return *this;
  }

  // Gives each section that lies within the file its hash, and the file its root. `table` is how the sections lie: a
  // test that breaks the table passes the sealed file of before.
  SlipFile& seal() { return seal(*this); }
  SlipFile& seal(const SlipFile& table) {
    const std::span<std::byte> file(bytes_);
    for (std::uint64_t i = 0; i < table.sections(); ++i) {
      const std::uint64_t offset = get(table.record(i).subspan(8, 8)), size = get(table.record(i).subspan(16, 8));
      if (offset > file.size() || size > file.size() - offset || record_end(i) > file.size()) continue;
      const auto content = file.subspan(offset, size);
      const bool same = this != &table && std::ranges::equal(content, std::span(table.bytes_).subspan(offset, size));
      const auto hash = file.subspan(record_end(i) - sizeof(io::Digest), sizeof(io::Digest));
      if (same) std::ranges::copy(table.record(i).last(hash.size()), hash.begin());
      if (!same) std::ranges::copy(io::sha256(content), hash.begin());
    }
    const std::uint64_t end = std::min<std::uint64_t>(file.size(), record_end(table.sections() - 1));
    if (end < record_end(0)) return *this;
    const auto records = file.subspan(format::kHeader, end - format::kHeader);
    std::ranges::copy(io::Sha256().add(file.first(format::kRoot)).add(records).digest(), file.begin() + format::kRoot);
    return *this;
  }

 private:
  static std::uint64_t record_end(std::uint64_t i) {
    return format::kHeader + (i + 1) * format::sect::kSection.record_size;
  }
  std::span<const std::byte> record(std::uint64_t i) const {
    return std::span(bytes_).subspan(record_end(i) - format::sect::kSection.record_size,
                                     format::sect::kSection.record_size);
  }
  Raw bytes_;
};

// Contents of the sections, by kind, to be changed in length.
struct Parts {
  struct Section {
    Raw bytes;
    std::uint32_t record_size = 1, flags = 1;
  };
  std::map<std::uint32_t, Section> sections;

  Parts() = default;
  explicit Parts(const SlipFile& file) {
    for (const format::Section& s : format::kSections) {
      const auto bytes = file.part(s).bytes;
      if (!bytes.empty()) sections[s.kind] = {{bytes.begin(), bytes.end()}, s.record_size, s.critical};
    }
  }
  Raw& operator[](std::string_view name) {
    const format::Section& s = section_of(name);
    Section& part = sections[s.kind];
    part.record_size = s.record_size;
    part.flags = s.critical;
    return part.bytes;
  }
  // Adds a record of these numbers, one a field.
  Parts& add(std::string_view name, std::initializer_list<std::uint64_t> numbers) {
    Raw& bytes = (*this)[name];
    auto number = numbers.begin();
    for (const format::Field& f : section_of(name).fields) {
      bytes.resize(bytes.size() + io::width(f.type));
      put(std::span(bytes).last(io::width(f.type)), *number++);
    }
    return *this;
  }
  Parts& add(std::string_view name, std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    (*this)[name].insert((*this)[name].end(), bytes.begin(), bytes.end());
    return *this;
  }
  // A file with sections of these bytes, sealed.
  SlipFile file() const {
    const std::size_t table = std::ranges::count_if(sections, [](const auto& s) { return !s.second.bytes.empty(); });
    Raw bytes(format::kHeader + table * format::sect::kSection.record_size);
    std::size_t record = format::kHeader;
    for (const auto& [kind, section] : sections) {
      if (section.bytes.empty()) continue;
      bytes.resize(io::padded(bytes.size()));
      const std::uint64_t numbers[] = {kind,         section.record_size,  section.flags,
                                       bytes.size(), section.bytes.size(), section.bytes.size()};
      for (std::size_t f = 0; f < std::size(numbers); ++f) {
        const format::Field& field = format::sect::kFields[f];
        put(std::span(bytes).subspan(record + field.offset, io::width(field.type)), numbers[f]);
      }
      bytes.insert(bytes.end(), section.bytes.begin(), section.bytes.end());
      record += format::sect::kSection.record_size;
    }
    using namespace format::head;
    for (const auto& [field, number] : {std::pair{kMagic, kMagic.least},
                                        {kVersion, 1},
                                        {kHeaderSize, format::kHeader},
                                        {kFileSize, bytes.size()},
                                        {kSections, table}})
      put(std::span(bytes).subspan(field.offset, io::width(field.type)), number);
    return SlipFile(std::move(bytes)).seal();
  }
};

// What the reader says to a file.
struct Outcome {
  bool accepted = false;
  Errc code{};
  std::string where;  // "byte 24, HEAD.sections"
  std::uint64_t byte() const { return std::stoull(where.substr(5)); }
  std::string place() const { return accepted ? text() : where.substr(where.find(", ") + 2); }
  std::string text() const { return accepted ? "accepted" : std::string(to_string(code)) + " " + where; }
};

// Reads the file out of memory of exactly its size. Fails the test where the reader allocates before it has proved the
// structure, more than it announces, or refuses without a place.
inline Outcome read(std::span<const std::byte> file, const Limits& limits = {}) {
  const Bytes memory = allocate(file.size());
  std::ranges::copy(file, memory.get());
  const std::span<const std::byte> bytes(memory.get(), file.size());
  const Allocations begin = allocations();
  try {
    const io::Container container(bytes, limits);
    const io::Census census = io::Structure(container).check();
    if (since(begin).count != 0) FAIL("allocates before the structure is proved");
    const Graph graph = io::Builder(container, memory, census).build();
    if (since(begin).bytes > census.graph_bytes)
      FAIL("allocates ", since(begin).bytes, ", announced were ", census.graph_bytes);
    return {true, {}, {}};
  } catch (const Error& error) {
    if (since(begin).bytes > 4096) FAIL("allocates ", since(begin).bytes, " bytes to refuse a file");
    const Outcome outcome{false, error.code(), error.where()};
    if (!outcome.where.starts_with("byte ") || outcome.byte() > file.size())
      FAIL("no place in the file: ", outcome.where);
    if (error.message().find("expected ") == std::string::npos || error.message().find("found ") == std::string::npos)
      FAIL("does not say what was expected and found: ", error.what());
    return outcome;
  }
}
inline Outcome read(const SlipFile& file, const Limits& limits = {}) { return read(file.bytes(), limits); }

}  // namespace coverslip::test
