// The outer half of reading a file: header, section records, tiling and hashes. Allocates nothing but an Error.
#pragma once
#include "coverslip/io/sha256.hpp"
#include "coverslip/io/table.hpp"

namespace coverslip {
inline namespace v0 {

// More than this is refused, though the file may be whole. Raise what a trusted file needs.
struct Limits {
  std::uint64_t file_bytes = std::uint64_t{1} << 32;
  std::uint64_t string_bytes = 1 << 24;
  std::uint64_t values = 1 << 18;
  std::uint64_t tensors = 1 << 16;
  std::uint64_t nodes = 1 << 16;
  std::uint64_t elements = std::uint64_t{1} << 32;     // of one value
  std::uint64_t graph_bytes = std::uint64_t{1} << 28;  // that the Graph takes, without the file itself
};

namespace io {

constexpr std::uint64_t padded(std::uint64_t end) {
  return (end + format::kAlign - 1) / format::kAlign * format::kAlign;
}

// Throws at the first byte that is not zero.
inline void check_zeros(std::span<const std::byte> file, std::uint64_t begin, std::uint64_t end,
                        std::string_view section) {
  for (std::uint64_t at = begin; at < end; ++at)
    if (file[at] != std::byte{0})
      throw Error(Errc::BadModel, place(at, section, ".padding"), "expected 0, found ",
                  std::to_integer<unsigned>(file[at]));
}

class Container {
 public:
  // Throws Error with the byte and the field that is wrong. The file must outlive this.
  Container(std::span<const std::byte> file, const Limits& limits) : file_(file), limits_(limits) {
    for (std::size_t i = 0; i < std::size(format::kSections); ++i) tables_[i] = Table(format::kSections[i], {});
    check_header();
    check_sections();
    check_hashes();
    check_limits();
  }

  const Limits& limits() const { return limits_; }
  const Table& head() const { return head_; }
  // Empty where the file has no such section.
  const Table& table(const Section& section) const { return tables_[index(section.kind)]; }
  std::span<const Table> tables() const { return tables_; }
  std::span<const std::byte> root() const { return file_.subspan(format::kRoot, sizeof(Digest)); }

  // Hashes the payloads, which the constructor does not.
  void check_data() const {
    for (std::uint64_t i = 0; i < sect_.size(); ++i)
      if (!is_hashed(i)) check_hash(i);
  }

 private:
  static std::size_t index(std::uint64_t kind) {
    std::size_t i = 0;
    while (i < std::size(format::kSections) && format::kSections[i].kind != kind) ++i;
    return i;
  }

  void check_header() {
    using namespace format::head;
    if (file_.size() < format::kHeader)
      throw Error(Errc::BadModel, place(0, "HEAD.magic"), "expected a header of ", format::kHeader,
                  " bytes, found a file of ", file_.size(), "; the file is cut short");
    head_ = Table(kSection, {file_.first(format::kHeader), 0});
    head_.check_ranges(0);
    const std::uint64_t wanted = head_(0, kFileSize), count = head_(0, kSections);
    if (wanted != file_.size())
      head_.refuse(Errc::BadModel, 0, kFileSize, "expected ", file_.size(), ", the bytes there are, found ", wanted,
                   "; the file is cut short, or longer than it was");
    if (file_.size() > limits_.file_bytes) over(head_, 0, kFileSize, limits_.file_bytes, file_.size(), "file_bytes");
    const std::uint64_t table = count * format::sect::kSection.record_size;  // count is at most 32
    if (table > file_.size() - format::kHeader)
      head_.refuse(Errc::BadModel, 0, kSections, "expected section records within the file, found ", count);
    sect_ = Table(format::sect::kSection, {file_.subspan(format::kHeader, table), format::kHeader});
  }

  void check_sections() {
    using namespace format::sect;
    std::uint64_t end = format::kHeader + sect_.bytes().size(), last = 0;
    for (std::uint64_t i = 0; i < sect_.size(); ++i) {
      sect_.check_ranges(i);
      const Section* section = known(i, last);
      last = sect_(i, kKind);
      const std::uint64_t offset = padded(end), size = sect_(i, kSize), record = sect_(i, kRecordSize);
      sect_.equal(i, kOffset, offset);
      if (offset > file_.size() || size > file_.size() - offset || size % record != 0)
        sect_.refuse(Errc::BadModel, i, kSize, "expected a multiple of ", record, " within the file, found ", size);
      if (section != nullptr && size / record > section->most)
        sect_.refuse(Errc::BadModel, i, kSize, "expected at most ", section->most, " records, found ", size / record);
      sect_.equal(i, kExpanded, size);
      check_zeros(file_, end, offset, section != nullptr ? section->name : "SECT");
      end = offset + size;
      if (section != nullptr) tables_[index(section->kind)] = Table(*section, {file_.subspan(offset, size), offset});
    }
    if (end != file_.size())
      head_.refuse(Errc::BadModel, 0, format::head::kFileSize, "expected ", end,
                   ", where the last section ends, found ", file_.size());
  }

  // Null: a section to be skipped.
  const Section* known(std::uint64_t i, std::uint64_t last) const {
    using namespace format::sect;
    const std::uint64_t kind = sect_(i, kKind), flags = sect_(i, kFlags);
    if (kind <= last) sect_.refuse(Errc::BadModel, i, kKind, "expected more than ", last, ", found ", kind);
    for (const format::Reserved& reserved : format::kReserved)
      if (kind == reserved.kind) unknown(i, std::string(reserved.name));
    const std::size_t at = index(kind);
    if (at == std::size(format::kSections)) {
      if (flags != 0) unknown(i, std::to_string(kind));
      return nullptr;
    }
    const Section& section = format::kSections[at];
    sect_.equal(i, kRecordSize, section.record_size);
    sect_.equal(i, kFlags, section.critical ? 1 : 0);
    return &section;
  }
  [[noreturn]] void unknown(std::uint64_t i, const std::string& name) const {
    sect_.refuse(Errc::Unsupported, i, format::sect::kKind, "expected a section that this version knows, found ", name,
                 "; a newer coverslip may read it");
  }

  void check_hashes() const {
    const Digest root = Sha256().add(file_.first(format::kRoot)).add(sect_.bytes()).digest();
    if (!std::ranges::equal(root, this->root()))
      head_.refuse(Errc::BadModel, 0, format::head::kRoot,
                   "expected the hash of the header and the section records, found another; copy the file again");
    for (std::uint64_t i = 0; i < sect_.size(); ++i)
      if (is_hashed(i)) check_hash(i);
  }
  // By the constructor; so is a section that is skipped.
  bool is_hashed(std::uint64_t i) const {
    const std::size_t at = index(sect_(i, format::sect::kKind));
    return at == std::size(format::kSections) || format::kSections[at].hashed;
  }
  void check_hash(std::uint64_t i) const {
    using namespace format::sect;
    const Digest found = sha256(file_.subspan(sect_(i, kOffset), sect_(i, kSize)));
    if (!std::ranges::equal(found, file_.subspan(sect_.offset(i, kSha256), found.size())))
      sect_.refuse(Errc::BadModel, i, kSha256, "expected the hash of the section, found another; copy the file again");
  }

  void check_limits() const {
    const struct {
      const Section& section;
      std::uint64_t most;
      std::string_view name;
    } limits[] = {{format::strs::kSection, limits_.string_bytes, "string_bytes"},
                  {format::vals::kSection, limits_.values, "values"},
                  {format::tens::kSection, limits_.tensors, "tensors"},
                  {format::node::kSection, limits_.nodes, "nodes"}};
    for (std::uint64_t i = 0; i < sect_.size(); ++i)
      for (const auto& [section, most, name] : limits)
        if (sect_(i, format::sect::kKind) == section.kind && table(section).size() > most)
          over(sect_, i, format::sect::kSize, most, table(section).size(), name);
  }
  [[noreturn]] static void over(const Table& table, std::uint64_t i, const Field& field, std::uint64_t most,
                                std::uint64_t found, std::string_view limit) {
    table.refuse(Errc::OverBudget, i, field, "expected at most ", most, ", found ", found, "; raise Limits.", limit,
                 " if the file is trusted");
  }

  std::span<const std::byte> file_;
  Limits limits_;
  Table head_, sect_;
  std::array<Table, std::size(format::kSections)> tables_;
};

}  // namespace io
}  // namespace v0
}  // namespace coverslip
