// Text for people: names made safe for a terminal, numbers with units, tables.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coverslip::tool {

// The next code point of UTF-8 text, which grows shorter by it. Bytes that are no UTF-8 give kNoText, one byte each.
inline constexpr std::uint32_t kNoText = 0xFFFFFFFF;
std::uint32_t next_code_point(std::string_view& text);

// False for what could command a terminal or reorder a line: control characters, direction marks, line separators.
bool is_plain(std::uint32_t code_point);

// Everything that comes from a file or the command line goes through this on its way to a terminal.
std::string safe(std::string_view text);

std::string fixed(double x, int decimals);
std::string count(double x);                  // "4.09 G"
std::string bytes_text(double bytes);         // "97.8 MiB"
std::string milliseconds(double ms);          // "41.2 ms", "3.10 s", "7.00 us"
std::size_t width_of(std::string_view text);  // in characters

// Columns as wide as they need to be. Cells must be safe; longer ones than kWidest are cut.
class Table {
 public:
  enum class Align : std::uint8_t { Left, Right };
  struct Column {
    std::string title;
    Align align = Align::Left;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;  // with a newline after each row

 private:
  static constexpr std::size_t kWidest = 48;
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Prints to stdout; what cannot be written is reported by finish_output().
void print(std::string_view text);
// Throws Error(Io) if stdout did not take everything (a full disk, a closed pipe).
void finish_output();

}  // namespace coverslip::tool
