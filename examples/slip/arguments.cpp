// Implements arguments.hpp.
#include "arguments.hpp"

#include <charconv>
#include <cmath>

#include "coverslip/graph/graph.hpp"
#include "text.hpp"

namespace coverslip::tool {
namespace {

std::string quoted(std::string_view text) { return "'" + safe(text) + "'"; }

[[noreturn]] void refuse(std::string_view option, std::string_view text, std::string_view wanted) {
  throw UsageError(std::string(option) + " wants " + std::string(wanted) + ", got " + quoted(text));
}

// True if `name`, as declared ("-o, --output"), is called `word`.
bool is_called(std::string_view name, std::string_view word) {
  const std::size_t comma = name.find(", ");
  return name == word || (comma != name.npos && (name.substr(0, comma) == word || name.substr(comma + 2) == word));
}

template <class Names>
std::size_t parse_name(std::string_view option, std::string_view text, const Names& names) {
  std::string all;
  std::size_t i = 0;
  for (const std::string_view name : names) {
    if (name == text) return i;
    all += (i++ == 0 ? "one of " : ", ") + std::string(name);
  }
  refuse(option, text, all);
}

}  // namespace

Arguments& Arguments::flag(std::string name, bool& on, std::string help, bool to) {
  options_.push_back({.name = std::move(name), .value = "", .help = std::move(help), .on = &on, .to = to});
  return *this;
}

Arguments& Arguments::option(std::string name, std::string value, std::string help,
                             std::function<void(std::string_view)> take) {
  options_.push_back(
      {.name = std::move(name), .value = std::move(value), .help = std::move(help), .take = std::move(take)});
  return *this;
}

const Arguments::Option& Arguments::find(std::string_view name) const {
  for (const Option& option : options_)
    if (is_called(option.name, name)) return option;
  throw UsageError("there is no option " + quoted(name));
}

bool Arguments::parse(std::span<const std::string> words) {
  bool options_end = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (options_end || word.size() < 2 || word[0] != '-') {
      words_.emplace_back(word);
      continue;
    }
    if (word == "--") {
      options_end = true;
      continue;
    }
    if (word == "--help" || word == "-h") {
      print(help());
      return false;
    }
    const std::size_t equals = word.starts_with("--") ? word.find('=') : word.npos;
    const Option& option = find(word.substr(0, equals));
    if (option.on != nullptr) {
      if (equals != word.npos) throw UsageError(option.name + " takes no value");
      *option.on = option.to;
    } else if (equals != word.npos) {
      option.take(word.substr(equals + 1));
    } else if (++i < words.size()) {
      option.take(words[i]);
    } else {
      throw UsageError(option.name + " wants a value: " + option.value);
    }
  }
  return true;
}

const std::string& Arguments::only_word() const {
  if (words_.empty()) throw UsageError("which " + positional_ + "?");
  if (words_.size() > 1)
    throw UsageError("one " + positional_ + " is wanted, and " + quoted(words_[1]) + " is one more");
  return words_[0];
}

std::string Arguments::help() const {
  std::string options;
  std::size_t widest = std::string_view("-h, --help").size();
  const auto left = [](const Option& option) {
    return std::string(option.name.starts_with("--") ? "    " : "") + option.name + (option.value.empty() ? "" : " ") +
           option.value;
  };
  for (const Option& option : options_) widest = std::max(widest, left(option).size());
  const auto line = [&](const std::string& name, const std::string& text) {
    options += "  " + name + std::string(widest + 2 - name.size(), ' ') + text + "\n";
  };
  for (const Option& option : options_) line(left(option), option.help);
  line("-h, --help", "this text");
  return "slip " + verb_ + (positional_.empty() ? "" : " ") + positional_ + "\n\n" + about_ + "\n\n" + options;
}

long long parse_integer(std::string_view option, std::string_view text, long long least, long long most) {
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    refuse(option, text, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return value;
}

double parse_seconds(std::string_view option, std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value > 0 && value <= 3600))
    refuse(option, text, "seconds, above 0 and at most 3600");
  return value;
}

std::size_t parse_bytes(std::string_view option, std::string_view text) {
  constexpr std::string_view kWanted = "a number of bytes such as 300M (k, M and G are powers of 1024)";
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.size() > 1 && (unit.ends_with("iB") || unit.ends_with("B"))) unit = unit.substr(0, 1);
  const std::size_t power = unit.empty() ? 0 : std::string_view("BkMG").find(unit == "K" ? 'k' : unit[0]);
  if (error != std::errc{} || unit.size() > 1 || power == std::string_view::npos || value == 0)
    refuse(option, text, kWanted);
  if (value > std::numeric_limits<std::size_t>::max() >> (10 * power))
    refuse(option, text, "a number of bytes that can be");
  return value << (10 * power);
}

Shape parse_shape(std::string_view option, std::string_view text) {
  Shape shape;
  std::string_view rest = text;
  while (true) {
    const std::size_t end = rest.find_first_of(",x");
    const std::string_view part = rest.substr(0, end);
    Dim dim = 0;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), dim);
    if (error != std::errc{} || stop != part.data() + part.size() || dim < 0 || shape.rank() == kMaxRank)
      refuse(option, text, "a shape such as 1,3,224,224 (at most " + std::to_string(kMaxRank) + " axes)");
    shape.push_back(dim);
    if (end == rest.npos) return shape;
    rest.remove_prefix(end + 1);
  }
}

void EngineArguments::add_to(Arguments& arguments) {
  arguments
      .option("--threads", "N", "threads to use; 0, the default: all that the machine grants",
              [this](std::string_view text) {
                options.threads = static_cast<int>(parse_integer("--threads", text, 0, 1024));
              })
      .option("--target", "NAME", "instruction set to use, such as avx2; see slip cpu",
              [this](std::string_view text) {
                options.target = Target{static_cast<std::uint8_t>(parse_name("--target", text, kTargetNames))};
              })
      .option("--precision", "NAME", "of the arithmetic: file (the default), float32, bfloat16 (products only) or int8",
              [this](std::string_view text) {
                options.precision =
                    Precision{static_cast<std::uint8_t>(parse_name("--precision", text, kPrecisionNames))};
              })
      .option("--max-memory", "BYTES", "limit for weights, values and scratch, such as 300M",
              [this](std::string_view text) { options.max_memory = parse_bytes("--max-memory", text); })
      .option("--shape", "[NAME=]D,D,...", "shape of an input; once for each",
              [this](std::string_view text) {
                const std::size_t equals = text.rfind('=');
                const bool named = equals != text.npos;
                shapes.emplace_back(named ? text.substr(0, equals) : std::string_view{},
                                    parse_shape("--shape", named ? text.substr(equals + 1) : text));
              })
      .flag("--no-winograd", options.winograd, "no convolutions that are faster but round more", false)
      .flag("--json", json, "print one JSON document");
}

std::vector<Shape> EngineArguments::input_shapes(const Model& model) const {
  const std::vector<Port>& inputs = model.inputs();
  if (const auto& golden = model.graph().golden; golden && shapes.empty()) return golden->input_shapes;
  std::vector<std::optional<Shape>> given(inputs.size());
  for (const auto& [name, shape] : shapes) {
    std::size_t i = 0;
    while (i < inputs.size() && (name.empty() ? given[i].has_value() : inputs[i].name != name)) ++i;
    if (i == inputs.size())
      throw UsageError(name.empty() ? "--shape: the model has only " + std::to_string(inputs.size()) + " inputs"
                                    : "--shape: no input of the model is named " + quoted(name));
    given[i] = shape;
  }
  std::vector<Shape> result;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape& shape = given[i] ? *given[i] : inputs[i].shape;
    if (std::count(shape.begin(), shape.end(), kFree) != 0)
      throw Error(Errc::BadShape, "input '" + inputs[i].name + "'", "is of shape ", shape,
                  ", whose dimensions '?' are yours to choose: say --shape");
    result.push_back(shape);
  }
  return result;
}

}  // namespace coverslip::tool
