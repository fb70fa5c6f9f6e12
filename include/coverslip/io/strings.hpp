// The strings of a file: sorted, valid UTF-8, and each in use.
#pragma once
#include "coverslip/io/container.hpp"

namespace coverslip {
inline namespace v0 {
namespace io {

// How many bytes from `text` on are one character of UTF-8 in its shortest form that is no control character other than
// newline; 0: none. Well-formed sequences as in table 3-7 of the Unicode standard.
inline std::size_t character(std::span<const std::byte> text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? std::to_integer<unsigned>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i, unsigned least = 0x80, unsigned most = 0xBF) {
    return byte(i) >= least && byte(i) <= most;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return (first >= 0x20 && first != 0x7F) || first == '\n' ? 1 : 0;
  if (first < 0xC2 || first > 0xF4) return 0;
  if (first < 0xE0) return follows(1, first == 0xC2 ? 0xA0 : 0x80) ? 2 : 0;  // C2 80 to C2 9F are control characters
  if (first < 0xF0) return follows(1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) && follows(2) ? 3 : 0;
  return follows(1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF) && follows(2) && follows(3) ? 4 : 0;
}

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Strings {
 public:
  explicit Strings(const Container& container)
      : records_(&container.table(format::stri::kSection)), bytes_(&container.table(format::strs::kSection)) {}

  std::uint64_t size() const { return records_->size(); }
  // The number of the first reference to the string.
  std::uint64_t first(std::uint64_t i) const { return (*records_)(i, format::stri::kFirst); }
  std::string_view operator[](std::uint64_t i) const {
    const std::uint64_t begin = i == 0 ? 0 : (*records_)(i - 1, format::stri::kEnd);
    const std::uint64_t end = (*records_)(i, format::stri::kEnd);
    if (begin > end || end > bytes_->bytes().size()) refuse_end(i, begin);
    return as_text(bytes_->bytes().subspan(begin, end - begin));
  }

  void check() const {
    std::uint64_t begin = 0;
    for (std::uint64_t i = 0; i < size(); ++i) {
      const std::string_view text = (*this)[i];
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t n = character(bytes_->bytes().subspan(begin + at, text.size() - at));
        if (n == 0) refuse_text(i, begin + at);
        at += n;
      }
      if (i > 0 && text <= (*this)[i - 1])  // char_traits compares as unsigned
        records_->refuse(Errc::BadModel, i, format::stri::kEnd,
                         "expected strings sorted by their bytes, found one not greater than that before");
      begin += text.size();
    }
    if (begin != bytes_->bytes().size())
      throw Error(Errc::BadModel, place(bytes_->offset(), "STRS.size"), "expected ", begin, ", found ",
                  bytes_->bytes().size());
  }

 private:
  [[noreturn]] void refuse_end(std::uint64_t i, std::uint64_t begin) const {
    records_->refuse(Errc::BadModel, i, format::stri::kEnd, "expected ", begin, " to ", bytes_->bytes().size(),
                     ", found ", (*records_)(i, format::stri::kEnd));
  }
  [[noreturn]] void refuse_text(std::uint64_t i, std::uint64_t at) const {
    throw Error(Errc::BadModel, place(bytes_->offset() + at, "STRS[" + std::to_string(i) + "]"),
                "expected UTF-8 without control characters, found byte ",
                std::to_integer<unsigned>(bytes_->bytes()[at]));
  }

  const Table *records_, *bytes_;
};

// What a reference to a string must be.
enum class Text : std::uint8_t { Name, NotEmpty, Free };  // on one line of kMaxName bytes; and not empty; anything

// Counts the references: each string is used, and says which reference is its first.
class References {
 public:
  explicit References(const Strings& strings) : strings_(strings) {}

  std::string_view check(const Table& table, std::uint64_t record, const Field& field, Text kind = Text::Name) {
    const std::uint64_t number = table(record, field);
    if (number >= strings_.size())
      table.refuse(Errc::BadModel, record, field, "expected a string less than ", strings_.size(), ", found ", number);
    const std::string_view text = strings_[number];
    if (kind != Text::Free && (text.size() > format::kMaxName || text.find('\n') != text.npos))
      table.refuse(Errc::BadModel, record, field, "expected at most ", format::kMaxName, " bytes on one line, found ",
                   text.size());
    if (kind == Text::NotEmpty && text.empty())
      table.refuse(Errc::BadModel, record, field, "expected a string that is not empty, found ", number);
    if (strings_.first(number) > count_)
      table.refuse(Errc::BadModel, record, field,
                   "expected a string whose first reference is this one or one before, found ", number);
    used_ += strings_.first(number) == count_++;
    return text;
  }
  void check_all_used(const Table& records) const {
    if (used_ != strings_.size())
      throw Error(Errc::BadModel, place(records.offset(), "STRI.first"), "expected ", strings_.size(),
                  " strings in use, found ", used_);
  }

 private:
  const Strings& strings_;
  std::uint64_t count_ = 0, used_ = 0;
};

}  // namespace io
}  // namespace v0
}  // namespace coverslip
