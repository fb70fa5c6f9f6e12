// Which candidates operators have for values that a plan in bf16 holds as bf16.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

// All inputs whose numbers are in `changing` are narrow, or none, and each way has a candidate of that kernel.
void check_ways(const Case& c, std::string_view kernel, std::initializer_list<std::size_t> changing, bool of_tiles) {
  CAPTURE(describe(c));
  const Sample sample(*find_op(c.op), c, true);
  for (const KernelTable* kernels : supported_kernels()) {
    if (!has_bf16(*kernels) || (of_tiles && kernels->gemm_bf16.tiles == nullptr)) continue;
    INFO(std::string(kernels->name));
    const std::vector<Step> steps = sample.candidates(*kernels);
    for (const auto& [from, to] : kNarrowWays)
      CHECK(std::ranges::any_of(steps, [&, from = from, to = to](const Step& step) {
        return step.kernel == kernel && step.narrow == to &&
               std::ranges::all_of(changing, [&](std::size_t i) { return step.inputs[i].narrow == from; });
      }));
  }
}

}  // namespace

TEST_CASE("kernels of narrow values read them, make them, or both") {
  const Attributes depthwise{{"group", Dim{32}}};
  check_ways({"LayerNormalization", {}, {data({2, 9, 64}), weights({64}), weights({64})}}, "layer_norm", {0}, false);
  check_ways({"Conv", depthwise, {data({1, 32, 7, 7}), weights({32, 1, 3, 3})}}, "conv_depthwise", {0}, false);
  check_ways({"Conv", {}, {data({1, 32, 7, 7}), weights({32, 32, 3, 3})}}, "conv_indirect_bf16", {0}, true);
  check_ways({"Conv", {}, {data({1, 5, 7, 20}), weights({6, 5, 3, 3})}}, "conv_planar", {0}, false);
  check_ways({"coverslip.JoinedConv",
              {},
              {data({1, 20, 7, 7}), weights({32, 32, 3, 3}), absent(), absent(), data({1, 12, 7, 7})}},
             "conv_indirect_bf16_joined", {0, 4}, true);
}

}  // namespace v0
}  // namespace coverslip
