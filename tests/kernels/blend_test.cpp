// Pixels mixed out of a row, in numbers worked by hand, on every target.
#include <limits>

#include "coverslip/kernels/table.hpp"
#include "support.hpp"
using namespace coverslip;

TEST_CASE("a row of pixels is mixed of terms in their order, and one of weight zero adds nothing") {
  constexpr std::size_t kPixels = 7, kSteps = 40, kFirst = 3;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const KernelTable* kernels : supported_kernels()) {
    INFO(std::string(kernels->name));
    for (const std::size_t terms : {1, 2, 3, 8, 9, 20})
      for (const std::size_t n : {1, 3, 4, 15, 16, 17, 37}) {
        CAPTURE(terms);
        CAPTURE(n);
        // Term k of pixel i is half the pixel at place 3 + (i + k) % 8, whose channel c is 2 (place + c); of pixel 2
        // only the last counts, of pixel 5 none, and what does not count lies where there is no number.
        std::vector<float> x(9 * kSteps, nan), weights(terms * kPixels, 0.5f), y(kPixels * kSteps, -1);
        std::vector<std::int32_t> places(terms * kPixels);
        for (std::size_t place = 0; place < 8; ++place)
          for (std::size_t c = 0; c < n; ++c) x[place * kSteps + c] = 2 * static_cast<float>(kFirst + place + c);
        for (std::size_t k = 0; k < terms; ++k)
          for (std::size_t i = 0; i < kPixels; ++i) {
            const bool counts = i != 5 && (i != 2 || k + 1 == terms);
            places[k * kPixels + i] = static_cast<std::int32_t>(kFirst + (counts ? (i + k) % 8 : 8));
            if (!counts) weights[k * kPixels + i] = 0;
          }
        kernels->blend.row({x.data(), kSteps, kFirst, places.data(), weights.data(), terms, kPixels}, y.data(), kSteps,
                           kPixels, n);
        for (std::size_t i = 0; i < kPixels; ++i)
          for (std::size_t c = 0; c < kSteps; ++c) {
            float want = c < n ? 0 : -1;  // the rest of a pixel is not written
            for (std::size_t k = 0; k < terms && c < n; ++k)
              if (weights[k * kPixels + i] != 0) want += static_cast<float>(kFirst + (i + k) % 8 + c);
            CHECK(y[i * kSteps + c] == want);
          }
      }
  }
}
