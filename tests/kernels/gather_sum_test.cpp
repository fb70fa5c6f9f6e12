// The sum of numbers from anywhere, in numbers worked by hand, on every target.
#include <cmath>
#include <limits>

#include "coverslip/kernels/table.hpp"
#include "support.hpp"
using namespace coverslip;

TEST_CASE("a gathered sum leaves out weights of zero, and keeps NaN, wherever it lies in a vector") {
  constexpr std::size_t n = 37;  // whole vectors of every target, and a rest
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x{1, 2, 3, nan};
  for (const KernelTable* kernels : supported_kernels()) {
    INFO(std::string(kernels->name));
    for (std::size_t odd = 0; odd < n; ++odd) {
      std::vector<std::int32_t> places(2 * n, 1);
      std::vector<float> weights(2 * n, 0.5f), y(n);
      std::fill(places.begin() + n, places.end(), 3);
      std::fill(weights.begin() + n, weights.end(), 0.0f);  // 0 of NaN is nothing
      weights[odd] = nan;
      kernels->gather_sum.run(x.data(), places.data(), weights.data(), 2, n, y.data(), n);
      for (std::size_t i = 0; i < n; ++i) {
        CAPTURE(i);
        if (i == odd)
          CHECK(std::isnan(y[i]));
        else
          CHECK(y[i] == 1.0f);
      }
    }
  }
}
