// Packed bytes lie in files, so they are the same for all time, or kPackingVersion is raised.
#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <map>

#include "coverslip/graph/pack_store.hpp"
#include "coverslip/ops/registry.hpp"
#include "support.hpp"

using namespace coverslip;

namespace {

// FNV-1a.
std::uint64_t fingerprint(std::span<const std::byte> bytes, std::uint64_t hash = 0xcbf29ce484222325u) {
  for (const std::byte b : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3u;
  return hash;
}

// Of every packing of every operator's samples: name, type and a fingerprint of the constant -> that of what it makes.
std::map<std::string, std::uint64_t> packings(const KernelTable& kernels) {
  std::map<std::string, std::uint64_t> all;
  const auto add = [&](const Form& form, const Tensor& constant) {
    const auto print = [](const Tensor& t) { return fingerprint({t.data(), t.type().bytes()}); };
    const std::string key = form.packing + " of " + to_string(constant.type()) + " " + std::to_string(print(constant));
    Tensor made(form.packed);
    std::memset(made.data(), 0xff, made.type().bytes());  // what is not written shows
    form.pack(constant, made);
    const std::uint64_t packed = print(made);
    CHECK_MESSAGE(all.try_emplace(key, packed).first->second == packed, key, " is packed in two ways");
  };
  for_each_op([&](const OpDef& op) {
    if (op.plan == nullptr || op.cases == nullptr) return;
    for (const Case& sample : op.cases()) {
      if (sample.bench || sample.op != op.name) continue;
      Types types;
      std::vector<Tensor> values;
      for (const Operand& operand : sample.operands) {
        types.push_back(operand.type);
        values.push_back(operand.value                      ? *operand.value
                         : operand.type.dtype == DType::f32 ? ramp(operand.type)
                                                            : Tensor(operand.type));
      }
      std::vector<const Tensor*> constants;
      for (std::size_t i = 0; i < values.size(); ++i)
        constants.push_back(sample.operands[i].kind == Operand::Kind::Constant ? &values[i] : nullptr);
      for (const Step& step : op.plan(graph_of(sample).nodes[0], types, constants, {kernels}))
        for (std::size_t i = 0; i < values.size(); ++i)
          if (constants[i] != nullptr && step.inputs.at(i).pack) add(step.inputs[i], values[i]);
    }
  });
  return all;
}

}  // namespace

// What is new is not in the file, and what is gone may stay in it: neither makes a file wrong.
TEST_CASE("a packing makes the bytes that it made when files were written") {
  const std::string name = "packing_v" + std::to_string(kPackingVersion) + ".avx2";
  for (const KernelTable* kernels : supported_kernels()) {
    if (std::string_view(kernels->name) != "avx2") continue;
    const auto found = packings(*kernels);
    std::ofstream made(COVERSLIP_SOURCE_DIR "/build/" + name);
    for (const auto& [key, hash] : found) made << hash << " " << key << "\n";
    std::ifstream file(COVERSLIP_SOURCE_DIR "/tests/data/golden/" + name);
    CHECK_MESSAGE(file.good(), "kPackingVersion is new: put build/", name, " into tests/data/golden");
    std::uint64_t hash = 0;
    std::size_t compared = 0;
    for (std::string key; file >> hash && std::getline(file.ignore(1), key); ++compared)
      if (const auto it = found.find(key); it != found.end())
        CHECK_MESSAGE(it->second == hash, key, " makes other bytes: raise kPackingVersion");
    CHECK(compared > 0);
  }
}
