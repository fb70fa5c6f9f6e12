// The verbs of slip. Each takes the words after its name, and returns the exit code or throws.
#pragma once
#include "arguments.hpp"

namespace coverslip::tool {

// Exit codes are a promise to scripts.
enum class Exit : int { Ok = 0, Usage = 1, BadInput = 2, Unsupported = 3, Io = 4, Memory = 5, VerifyFailed = 6 };
Exit exit_of(Errc code);

using Words = std::span<const std::string>;
Exit run(Words words);
Exit bench(Words words);
Exit info(Words words);
Exit verify(Words words);
Exit pack(Words words);
Exit show_cpu(Words words);

}  // namespace coverslip::tool
