// Implements json.hpp.
#include "json.hpp"

#include <array>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <utility>

#include "text.hpp"

namespace coverslip::tool {
namespace {

std::string escaped_unit(std::uint32_t unit) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\u%04x", unit);
  return text.data();
}

std::string escaped(std::uint32_t point) {
  if (point == kNoText) return "\\ufffd";
  if (point < 0x10000) return escaped_unit(point);
  point -= 0x10000;
  return escaped_unit(0xD800 + (point >> 10)) + escaped_unit(0xDC00 + (point & 0x3FF));
}

}  // namespace

// A line for each member and each container, one line for the numbers of an array.
void Json::separate(bool container) {
  const bool follows_key = std::exchange(after_key_, false);
  if (follows_key) return;
  const bool first = std::exchange(first_, false);
  if (!first) text_ += ',';
  if (closers_.empty()) return;
  if (closers_.back() == '}' || container)
    text_ += "\n" + std::string(2 * closers_.size(), ' ');
  else if (!first)
    text_ += ' ';
}

void Json::quote(std::string_view text) {
  text_ += '"';
  while (!text.empty()) {
    const std::string_view before = text;
    const std::uint32_t point = next_code_point(text);
    if (point == '"' || point == '\\') {
      text_ += '\\';
      text_ += static_cast<char>(point);
    } else if (is_plain(point)) {
      text_ += before.substr(0, before.size() - text.size());
    } else {
      text_ += escaped(point);
    }
  }
  text_ += '"';
}

Json& Json::open(char begin, char end) {
  separate(true);
  text_ += begin;
  closers_ += end;
  first_ = true;
  return *this;
}

Json& Json::close() {
  assert(!closers_.empty() && !after_key_);
  const char closer = closers_.back();
  closers_.pop_back();
  const bool lines = closer == '}' || text_.back() == '}' || text_.back() == ']';
  if (!first_ && lines) text_ += "\n" + std::string(2 * closers_.size(), ' ');
  text_ += closer;
  first_ = false;
  return *this;
}

Json& Json::key(std::string_view name) {
  separate();
  quote(name);
  text_ += ": ";
  after_key_ = true;
  return *this;
}

Json& Json::value(std::string_view text) {
  separate();
  quote(text);
  return *this;
}

Json& Json::value(double number) {
  if (!std::isfinite(number)) return raw("null");
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.9g", number);
  return raw(text.data());
}

Json& Json::raw(std::string_view text) {
  separate();
  text_ += text;
  return *this;
}

std::string Json::take() {
  assert(closers_.empty());
  return std::move(text_) + "\n";
}

}  // namespace coverslip::tool
