// The command line: options that a verb declares, their help text, and the options that all engine verbs share.
#pragma once
#include <functional>
#include <stdexcept>

#include "coverslip/coverslip.hpp"

namespace coverslip::tool {

// The command line makes no sense: exit code 1, and the message points to --help.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The options of one verb, and the words that are none.
class Arguments {
 public:
  // `positional` as it stands in the first line of the help: "MODEL [FILE ...]".
  Arguments(std::string verb, std::string positional, std::string about)
      : verb_(std::move(verb)), positional_(std::move(positional)), about_(std::move(about)) {}

  // Sets `on` to `to`.
  Arguments& flag(std::string name, bool& on, std::string help, bool to = true);
  // `name` may have a short form: "-o, --output". `take` throws UsageError, or Error, where it cannot use the value.
  Arguments& option(std::string name, std::string value, std::string help, std::function<void(std::string_view)> take);

  // Returns false where --help was asked for, which it has printed then. Throws UsageError.
  bool parse(std::span<const std::string> words);
  const std::vector<std::string>& words() const { return words_; }
  // The words, which must be so many; for the verbs with one MODEL. Throws UsageError.
  const std::string& only_word() const;

 private:
  struct Option {
    std::string name, value, help;
    bool* on = nullptr;
    bool to = true;
    std::function<void(std::string_view)> take{};
  };
  const Option& find(std::string_view name) const;
  std::string help() const;

  std::string verb_, positional_, about_;
  std::vector<Option> options_;
  std::vector<std::string> words_;
};

// Values of options. They throw UsageError with the option's name.
long long parse_integer(std::string_view option, std::string_view text, long long least, long long most);
double parse_seconds(std::string_view option, std::string_view text);
std::size_t parse_bytes(std::string_view option, std::string_view text);  // "300M": powers of 1024
Shape parse_shape(std::string_view option, std::string_view text);        // "1,3,224,224" or "1x3x224x224"

// What the verbs that plan or run a model take: --threads, --target, --precision, --max-memory, --shape,
// --no-winograd, --json.
struct EngineArguments {
  Options options;
  std::vector<std::pair<std::string, Shape>> shapes;  // of the inputs; no name: of the next input that has none yet
  bool json = false;

  void add_to(Arguments& arguments);
  // A shape for each input: given, or the golden case's, or the model's own.
  // Throws UsageError where a shape fits no input, Error(BadShape) where one is needed and missing.
  std::vector<Shape> input_shapes(const Model& model) const;
};

}  // namespace coverslip::tool
