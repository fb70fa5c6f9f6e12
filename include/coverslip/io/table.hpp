// The records of one section of a file, and how a wrong one is named.
#pragma once
#include <bit>
#include <cstddef>
#include <cstring>

#include "coverslip/core/error.hpp"
#include "coverslip/io/format.hpp"

namespace coverslip {
inline namespace v0 {
namespace io {

using format::Field;
using format::Section;

// The part of the file from `offset`. Both are known to lie within it.
struct Part {
  std::span<const std::byte> bytes;
  std::uint64_t offset = 0;
};

constexpr std::uint64_t width(format::Type type) {
  constexpr std::uint8_t kBytes[] = {1, 2, 4, 8, 8, 4, 4, 32};
  return kBytes[static_cast<std::size_t>(type)];
}

// "byte 64, SECT[0].kind".
inline std::string place(std::uint64_t offset, std::string_view section, std::string_view rest = "") {
  return "byte " + std::to_string(offset) + ", " + std::string(section) + std::string(rest);
}

class Table {
 public:
  Table() = default;
  Table(const Section& section, Part part) : section_(&section), part_(part) {}

  std::uint64_t size() const { return part_.bytes.size() / section_->record_size; }
  const Section& section() const { return *section_; }
  std::span<const std::byte> bytes() const { return part_.bytes; }
  std::uint64_t offset() const { return part_.offset; }
  std::uint64_t offset(std::uint64_t record, const Field& field) const {
    return part_.offset + record * section_->record_size + field.offset;
  }

  // A number as it stands in the file: of signed and real ones the bits. Throws where there is no such record, which
  // after the checks means that the file was changed while it was read.
  std::uint64_t operator()(std::uint64_t record, const Field& field) const {
    if (record >= size()) refuse(Errc::BadModel, record, field, "expected a record, found the section's end");
    std::uint64_t number = 0;
    std::memcpy(&number, part_.bytes.data() + record * section_->record_size + field.offset, width(field.type));
    return number;
  }
  float real(std::uint64_t record, const Field& field) const {
    return std::bit_cast<float>(static_cast<std::uint32_t>((*this)(record, field)));
  }

  std::string where(std::uint64_t record, const Field& field) const {
    const bool single = section_->name == format::head::kSection.name;
    const std::string index = single ? "" : "[" + std::to_string(record) + "]";
    return place(offset(record, field), section_->name, index + "." + std::string(field.name));
  }
  template <class... Parts>
  [[noreturn]] void refuse(Errc code, std::uint64_t record, const Field& field, const Parts&... parts) const {
    throw Error(code, where(record, field), parts...);
  }
  // Throws unless `number` is `expected`.
  void equal(std::uint64_t record, const Field& field, std::uint64_t expected) const {
    const std::uint64_t found = (*this)(record, field);
    if (found != expected) refuse(Errc::BadModel, record, field, "expected ", expected, ", found ", found);
  }

  // The range of each field, as the schema has it.
  void check_ranges(std::uint64_t record) const {
    for (const Field& field : section_->fields) check_range(record, field);
  }

 private:
  void check_range(std::uint64_t record, const Field& field) const {
    if (field.type == format::Type::Hash || field.type == format::Type::I64) return;
    if (field.type == format::Type::F32 || field.type == format::Type::F32Inf) {
      const std::uint64_t magnitude = (*this)(record, field) & 0x7FFFFFFFu;
      if (magnitude > 0x7F800000u || (field.type == format::Type::F32 && magnitude == 0x7F800000u))
        refuse(Errc::BadModel, record, field, "expected a ", field.type == format::Type::F32 ? "finite " : "",
               "number, found ", real(record, field));
      return;
    }
    const std::uint64_t number = (*this)(record, field);
    if (number >= field.least && number <= field.most) return;
    refuse(field.unsupported ? Errc::Unsupported : Errc::BadModel, record, field, "expected ", field.least,
           field.most == field.least    ? std::string()
           : field.most == format::kAny ? std::string(" or more")
                                        : " to " + std::to_string(field.most),
           ", found ", number, field.hint.empty() ? "" : "; ", field.hint);
  }

  const Section* section_ = nullptr;
  Part part_;
};

// Takes the records of a table in their order.
struct Cursor {
  const Table* table;
  std::uint64_t taken = 0;
  std::uint64_t left() const { return table->size() - taken; }
  std::uint64_t take(const Field& field) { return (*table)(taken++, field); }
};

}  // namespace io
}  // namespace v0
}  // namespace coverslip
