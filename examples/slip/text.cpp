// Implements text.hpp.
#include "text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "coverslip/core/error.hpp"

namespace coverslip::tool {

std::uint32_t next_code_point(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t lead = byte(0);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                             : lead >= 0xE0                ? 3
                             : lead >= 0xC2                ? 2
                                                           : 0;
  std::uint32_t point = length == 1 ? lead : lead & (0x7Fu >> length);
  bool good = length != 0 && lead < 0xF5 && length <= text.size();
  for (std::size_t i = 1; good && i < length; ++i) {
    good = (byte(i) & 0xC0u) == 0x80u;
    point = point << 6 | (byte(i) & 0x3Fu);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  good = good && point >= kLeast[length] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
  text.remove_prefix(good ? length : 1);
  return good ? point : kNoText;
}

bool is_plain(std::uint32_t point) {
  const auto within = [point](std::uint32_t first, std::uint32_t last) { return point >= first && point <= last; };
  return !(point < 0x20 || within(0x7F, 0x9F) || point == 0xAD || point == 0x61C || within(0x200B, 0x200F) ||
           within(0x2028, 0x202E) || within(0x2060, 0x206F) || point == 0xFEFF || within(0xFFF0, 0xFFFB) ||
           within(0xE0000, 0xE0FFF) || point == kNoText);
}

std::string safe(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::string_view before = text;
    const std::uint32_t point = next_code_point(text);
    if (is_plain(point)) {
      result += before.substr(0, before.size() - text.size());
      continue;
    }
    std::array<char, 16> escape{};
    const bool byte = point == kNoText;
    const unsigned value = byte ? static_cast<unsigned char>(before[0]) : point;
    std::snprintf(escape.data(), escape.size(), byte ? "\\x%02x" : "\\u{%x}", value);
    result += point == '\n' ? "\\n" : point == '\t' ? "\\t" : escape.data();
  }
  return result;
}

std::string fixed(double x, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), std::abs(x) < 1e15 ? "%.*f" : "%.*g", decimals, x);
  return text.data();
}

namespace {

// Three digits that count.
std::string three_digits(double x) { return fixed(x, x < 9.995 ? 2 : x < 99.95 ? 1 : 0); }

std::string with_unit(double x, double step, std::initializer_list<const char*> units) {
  auto unit = units.begin();
  for (; std::abs(x) >= step * 0.9995 && unit + 1 != units.end(); ++unit) x /= step;
  const bool whole = unit == units.begin() && x == std::floor(x);
  const std::string number = whole ? fixed(x, 0) : three_digits(x);
  return **unit == '\0' ? number : number + " " + *unit;
}

}  // namespace

std::string count(double x) { return with_unit(x, 1000, {"", "k", "M", "G", "T"}); }
std::string bytes_text(double bytes) { return with_unit(bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB"}); }
std::string milliseconds(double ms) {
  if (ms < 0.0995) return three_digits(ms * 1000) + " us";
  return ms < 999.5 ? three_digits(ms) + " ms" : three_digits(ms / 1000) + " s";
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (; !text.empty(); ++width) next_code_point(text);
  return width;
}

namespace {

// Cuts in the middle: both ends of a node's name tell something.
std::string at_most(const std::string& cell, std::size_t width) {
  std::vector<std::string_view> characters;
  for (std::string_view rest = cell; !rest.empty();) {
    const std::string_view before = rest;
    next_code_point(rest);
    characters.push_back(before.substr(0, before.size() - rest.size()));
  }
  if (characters.size() <= width) return cell;
  const std::size_t tail = width / 2;
  std::string result;
  for (std::size_t i = 0; i + 1 < width - tail; ++i) result += characters[i];
  result += "…";
  for (std::size_t i = characters.size() - tail; i < characters.size(); ++i) result += characters[i];
  return result;
}

}  // namespace

std::string Table::text() const {
  std::vector<std::vector<std::string>> rows(1);
  for (const Column& column : columns_) rows[0].push_back(column.title);
  rows.insert(rows.end(), rows_.begin(), rows_.end());
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = at_most(row[i], kWidest);
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  std::string result;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width_of(row[i]), ' ');
      line += (i == 0 ? "" : "  ") + (columns_[i].align == Align::Right ? padding + row[i] : row[i] + padding);
    }
    result += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return result;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void finish_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Error(Errc::Io, "output", "not everything could be written; is the disk full?");
}

}  // namespace coverslip::tool
