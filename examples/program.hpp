// What the example programs share: exit codes, progress on a terminal, text that is safe to print.
#pragma once
#include <charconv>
#include <cstdio>
#include <new>
#include <string>
#include <string_view>
#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

#include "coverslip/core/error.hpp"

namespace coverslip::example {

// The command line makes no sense.
struct Usage {};

inline int exit_code(Errc code) {
  switch (code) {
    case Errc::Unsupported: return 3;
    case Errc::Io: return 4;
    case Errc::OutOfMemory:
    case Errc::OverBudget: return 5;
    default: return 2;
  }
}

// Names out of files may hold anything; a terminal gets printable ASCII and UTF-8 without control characters.
inline std::string plain(std::string_view text) {
  std::string s(text);
  for (char& c : s)
    if ((c >= 0 && c < ' ') || c == 0x7F) c = '?';
  return s;
}

// A number of an option.
inline int number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0 ? value : throw Usage{};
}

// Runs the program, and says on stderr what went wrong. Returns the exit code.
template <class Body>
int run(const char* usage, const Body& body) {
  try {
    body();
    return 0;
  } catch (const Usage&) {
    std::fprintf(stderr, "%s", usage);
    return 1;
  } catch (const Error& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "error: %s\n", plain(error.what()).c_str());
    return exit_code(error.code());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "error: not enough memory\n");
    return 5;
  }
}

// A bar on stderr, where that is a terminal.
class Progress {
 public:
  Progress(std::string what, std::size_t steps) : what_(std::move(what)), steps_(steps) { show(0); }
  ~Progress() {
    if (terminal_) std::fprintf(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::size_t done) const {
    if (!terminal_ || steps_ == 0) return;
    const int filled = static_cast<int>(30 * done / steps_);
    std::fprintf(stderr, "\r%s [%.*s%.*s] %zu/%zu ", what_.c_str(), filled, "##############################",
                 30 - filled, "..............................", done, steps_);
    std::fflush(stderr);
  }

 private:
  static bool is_terminal() {
#if defined(_WIN32)
    return _isatty(_fileno(stderr)) != 0;
#else
    return isatty(fileno(stderr)) != 0;
#endif
  }
  std::string what_;
  std::size_t steps_;
  bool terminal_ = is_terminal();
};

}  // namespace coverslip::example
