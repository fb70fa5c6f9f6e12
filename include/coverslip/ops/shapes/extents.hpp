// Bounds on the shapes that numbers in a file or in data ask for.
#pragma once
#include "coverslip/ops/axes.hpp"

namespace coverslip::inline v0::ops {

// As of a value in a file: docs/FORMAT.md.
inline constexpr Dim kMostElements = Dim{1} << 32;

// The same type. Throws where such a value is larger than a file may claim (dimensions of 0 count as 1): no number in a
// model makes the engine ask the system for more.
inline TensorType bounded(const Node& node, TensorType type) {
  Dim n = 1;
  for (const Dim d : type.shape) {
    if (d < 0 || d > kMostElements / n)
      throw Error(Errc::BadShape, node.label(), "the output would be ", type.shape, "; dimensions of 0 or more, and ",
                  kMostElements, " elements at most wanted");
    n *= std::max<Dim>(d, 1);
  }
  return type;
}

// a * b of numbers that are not negative, or more than any shape may have.
inline Dim bounded_product(Dim a, Dim b) { return b != 0 && a > kMostElements / b ? kMostElements + 1 : a * b; }

// A number of one element, which must be known when planning.
inline Dim known_integer(const Node& node, const Types& in, Constants constants, std::size_t i, std::string_view what) {
  const std::vector<Dim> numbers = known_integers(node, in, constants, i, what);
  if (numbers.size() != 1)
    throw Error(Errc::BadShape, node.label(), what, " (input ", i, ") has ", numbers.size(), " elements, one wanted");
  return numbers[0];
}

}  // namespace coverslip::inline v0::ops
