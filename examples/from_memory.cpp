// Loads a model from memory, in both ways: bytes anywhere, which are copied, and aligned bytes, which are not.
#include <fstream>
#include <iterator>

#include "coverslip/coverslip.hpp"
#include "program.hpp"

namespace coverslip::example {
namespace {

constexpr const char* kUsage =
    "usage: from_memory MODEL.slip\n"
    "\n"
    "Reads the file into memory, as a program would take it out of a resource, an archive or a network, and says\n"
    "what it is.\n";

// Bytes that begin anywhere: the Model keeps a copy, these may go.
Model from_bytes_anywhere(const std::vector<char>& file) { return Model::load(std::as_bytes(std::span(file))); }

// Bytes that begin at a multiple of kAlign and never change, like an array of the program itself (alignas(kAlign)): the
// Model looks at them. What owns them is the shared pointer's business; here it is the pointer itself.
Model from_aligned_bytes(const std::vector<char>& file) {
  const Bytes memory = allocate(file.size());
  std::memcpy(memory.get(), file.data(), file.size());
  return Model::load(memory, file.size());
}

void describe(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') throw Usage{};
  std::ifstream stream(argv[1], std::ios::binary);
  if (!stream) throw Error(Errc::Io, argv[1], "cannot be opened");
  const std::vector<char> file{std::istreambuf_iterator<char>(stream), {}};
  const Model copied = from_bytes_anywhere(file), looked_at = from_aligned_bytes(file);
  if (copied.id() != looked_at.id()) throw Error(Errc::BadModel, argv[1], "is two models");
  std::printf("%zu bytes, id %s\n", file.size(), std::string(copied.id()).c_str());
  const auto print = [](const char* what, const std::vector<Port>& ports) {
    for (const Port& port : ports)
      std::printf("%s %s: %s %s\n", what, plain(port.name).c_str(), to_string(port.dtype).data(),
                  to_string(port.shape).c_str());
  };
  print("input", copied.inputs());
  print("output", copied.outputs());
}

}  // namespace
}  // namespace coverslip::example

int main(int argc, char** argv) {
  using namespace coverslip::example;
  return run(kUsage, [&] { describe(argc, argv); });
}
