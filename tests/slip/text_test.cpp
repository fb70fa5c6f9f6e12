// Text for people and JSON for programs: what is made safe, and how numbers look.
#include "text.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "json.hpp"

namespace coverslip::tool {
namespace {

TEST_CASE("plain text of any language stays as it is") {
  for (const char* text : {"", "Conv 'features.0'", "Zürich µm", "细胞", "🔬", "\\ \" '"}) {
    CHECK(safe(text) == text);
  }
}

TEST_CASE("what could command a terminal is shown, not obeyed") {
  CHECK(safe("\x1b[31m") == "\\u{1b}[31m");
  CHECK(safe("a\nb\tc\r") == "a\\nb\\tc\\u{d}");
  CHECK(safe(std::string_view("\0\x7f", 2)) == "\\u{0}\\u{7f}");
  CHECK(safe("\xC2\x9B") == "\\u{9b}");  // CSI in one character
  CHECK(safe("\xE2\x80\xAE"
             "fdp") == "\\u{202e}fdp");  // right to left
}

TEST_CASE("bytes that are no UTF-8 are shown one by one") {
  CHECK(safe("\xff") == "\\xff");
  CHECK(safe("a\xC3") == "a\\xc3");                           // cut short
  CHECK(safe("\xC0\x80") == "\\xc0\\x80");                    // longer than it need be
  CHECK(safe("\xED\xA0\x80") == "\\xed\\xa0\\x80");           // half of a surrogate pair
  CHECK(safe("\xF4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond Unicode
  CHECK(safe("\xF0\x9F\x94") == "\\xf0\\x9f\\x94");
}

TEST_CASE("numbers have three digits and a unit") {
  CHECK(count(0) == "0");
  CHECK(count(999) == "999");
  CHECK(count(4.09e9) == "4.09 G");
  CHECK(count(999.9e3) == "1.00 M");
  CHECK(bytes_text(1023) == "1023 B");
  CHECK(bytes_text(1024) == "1.00 KiB");
  CHECK(bytes_text(97.8 * 1048576) == "97.8 MiB");
  CHECK(milliseconds(0.007) == "7.00 us");
  CHECK(milliseconds(41.23) == "41.2 ms");
  CHECK(milliseconds(3100) == "3.10 s");
}

TEST_CASE("a table is as wide as its cells, and cuts a long one in the middle") {
  Table table({{"name"}, {"ms", Table::Align::Right}});
  table.add({"a", "1.5"});
  table.add({"µµµ", "10.25"});
  CHECK(table.text() == "name     ms\na       1.5\nµµµ   10.25\n");
  Table wide({{""}});
  wide.add({std::string(60, 'a') + std::string(60, 'b')});
  CHECK(wide.text() == "\n" + std::string(23, 'a') + "…" + std::string(24, 'b') + "\n");
}

TEST_CASE("a document nests, and numbers that are none become null") {
  Json json;
  json.open_object().member("n", 1).member("x", 0.5).member("list", std::vector<int>{1, 2}).key("all").open_array();
  json.open_object().close().value(true).null().value(std::numeric_limits<double>::infinity()).close();
  CHECK(json.close().take() ==
        "{\n  \"n\": 1,\n  \"x\": 0.5,\n  \"list\": [1, 2],\n  \"all\": [\n    {}, true, null, null]\n}\n");
}

TEST_CASE("strings of a document are escaped") {
  const auto quoted = [](std::string_view text) { return Json().value(text).take(); };
  CHECK(quoted("a\"b\\c/") == "\"a\\\"b\\\\c/\"\n");
  CHECK(quoted("\x1b\n") == "\"\\u001b\\u000a\"\n");
  CHECK(quoted("\xff") == "\"\\ufffd\"\n");
  CHECK(quoted("\xE2\x80\xAE") == "\"\\u202e\"\n");
  CHECK(quoted("\xF3\xA0\x80\x81") == "\"\\udb40\\udc01\"\n");  // U+E0001 as a pair
}

}  // namespace
}  // namespace coverslip::tool
