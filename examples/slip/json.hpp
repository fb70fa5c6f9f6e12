// Writes one JSON document. Names out of files are escaped so that a terminal is safe from them too.
#pragma once
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace coverslip::tool {

// Calls come in the order of the document: key() before each member of an object, value() or an open...close() pair for
// each value.
class Json {
 public:
  Json& open_object() { return open('{', '}'); }
  Json& open_array() { return open('[', ']'); }
  Json& close();
  Json& key(std::string_view name);

  Json& value(std::string_view text);
  Json& value(const char* text) { return value(std::string_view(text)); }
  Json& value(const std::string& text) { return value(std::string_view(text)); }
  Json& value(double number);  // null where it is no finite number, which JSON cannot write
  Json& null() { return raw("null"); }
  template <std::integral T>
  Json& value(T number) {
    if constexpr (std::same_as<T, bool>)
      return raw(number ? "true" : "false");
    else
      return raw(std::to_string(number));
  }
  template <class Range>
  requires(!std::convertible_to<Range, std::string_view> &&
           requires(const Range& range) { range.begin(); }) Json& value(const Range& items) {
    open_array();
    for (const auto& item : items) value(item);
    return close();
  }
  template <class T>
  Json& member(std::string_view name, const T& item) {
    return key(name).value(item);
  }

  // The document, with a newline. All that was opened must be closed.
  std::string take();

 private:
  Json& open(char begin, char end);
  Json& raw(std::string_view text);
  void separate(bool container = false);
  void quote(std::string_view text);

  std::string text_;
  std::string closers_;  // of what is open
  bool first_ = true;    // nothing stands in the innermost container yet
  bool after_key_ = false;
};

}  // namespace coverslip::tool
