// What kernels promise of their bits depends on how they are compiled: with -ffp-contract=off.
#include <random>

#include "coverslip/kernels/table.hpp"
#include "support.hpp"
using namespace coverslip;

TEST_CASE("a product and a sum are rounded one after the other on every target") {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(0.1f, 1.0f);
  const Epilogue hard_sigmoid{Activation::HardSigmoid, 0.3f, 0.1f};  // least and most are never reached
  std::vector<float> x(1003), separate(x.size());
  bool fused_differs = false;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = uniform(random);
    const double exact = double{hard_sigmoid.alpha} * double{x[i]};  // of two floats a double holds the whole product
    separate[i] = static_cast<float>(double{static_cast<float>(exact)} + double{hard_sigmoid.beta});
    fused_differs |= separate[i] != static_cast<float>(exact + double{hard_sigmoid.beta});
  }
  REQUIRE(fused_differs);  // otherwise the numbers show nothing
  for (const KernelTable* kernels : supported_kernels()) {
    CAPTURE(kernels->name);
    std::vector<float> y(x.size());
    kernels->unary.activate(x.data(), y.data(), {.count = 1, .n = x.size()}, hard_sigmoid);
    for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(y[i] == separate[i]);
  }
}
