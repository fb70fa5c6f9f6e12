// The one exception type of coverslip: a code for programs, a place and a sentence for people.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace coverslip {
inline namespace v0 {

enum class Errc { BadModel, BadInput, BadShape, Unsupported, OutOfMemory, OverBudget, Io, Busy, Cancelled };

inline std::string_view to_string(Errc code) {
  constexpr std::string_view kNames[] = {"BadModel",   "BadInput", "BadShape", "Unsupported", "OutOfMemory",
                                         "OverBudget", "Io",       "Busy",     "Cancelled"};
  return kNames[static_cast<std::size_t>(code)];
}

// Thrown while loading, planning and checking inputs; never from a kernel. what() is "where: message".
class Error : public std::runtime_error {
 public:
  // `where`: the node, the argument, or the offset and field of a file. The parts make the message: what was expected,
  // what was found, what to do next.
  template <class... Parts>
  explicit Error(Errc code, std::string_view where, const Parts&... parts)
      : Error(code, std::string(where), (std::string() + ... + text(parts)), Made{}) {}

  Errc code() const { return code_; }
  const std::string& where() const { return where_; }
  const std::string& message() const { return message_; }

 private:
  struct Made {};  // so that no call from outside can mean this constructor
  Error(Errc code, std::string where, std::string message, Made)
      : std::runtime_error(where + ": " + message),
        code_(code),
        where_(std::move(where)),
        message_(std::move(message)) {}

  template <class T>
  static std::string text(const T& part) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      return std::string(std::string_view(part));
    } else {
      using std::to_string;  // and, by argument-dependent lookup, those of Shape and DType
      return std::string(to_string(part));
    }
  }

  Errc code_;
  std::string where_, message_;
};

}  // namespace v0
}  // namespace coverslip
