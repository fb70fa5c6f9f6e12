// How threads share a box: pieces that follow from its shape, the step's cuts and its predicted time.
#pragma once
#include <array>
#include <cmath>

#include "coverslip/ops/op.hpp"

namespace coverslip {
inline namespace v0 {

// Pieces along one or two of the step's cuts, best first. Any split gives the same bits, so it may depend on the
// machine.
class Split {
 public:
  // About `wanted` pieces, or as many as the cuts allow.
  Split(const Box& box, const std::vector<Cut>& cuts, double wanted) : box_(box) {
    std::size_t used = 0;
    for (const Cut& cut : cuts) {
      const Dim multiples = within(cut);
      if (multiples < 2 || used == sides_.size()) continue;
      const Dim pieces = std::min(multiples, static_cast<Dim>(std::ceil(wanted / static_cast<double>(pieces_))));
      if (pieces < 2) break;
      sides_[used++] = {cut, multiples, pieces};
      pieces_ *= pieces;
    }
  }

  Dim pieces() const { return pieces_; }

  // Neighbours, which mostly go to one thread, share a piece of the best cut.
  Box piece(Dim i) const {
    Box part = box_;
    for (std::size_t s = sides_.size(); s-- > 0;) {
      const Side& side = sides_[s];
      if (side.pieces < 2) continue;
      const auto edge = [&](Dim at) {
        const Range& range = box_[side.cut.axis];
        return std::min(range.begin + side.multiples * at / side.pieces * side.cut.multiple, range.end);
      };
      const Dim at = i % side.pieces;
      part[side.cut.axis] = {edge(at), edge(at + 1)};
      i /= side.pieces;
    }
    return part;
  }

 private:
  struct Side {
    Cut cut{.axis = 0};
    Dim multiples = 1, pieces = 1;
  };
  Dim within(const Cut& cut) const { return (box_[cut.axis].extent() + cut.multiple - 1) / cut.multiple; }

  Box box_;
  std::array<Side, 2> sides_{};
  Dim pieces_ = 1;
};

// Enough to keep all threads busy, each worth the cost of handing it over, and short enough to stop soon.
inline double pieces_for(std::size_t threads, double nanoseconds) {
  constexpr double kLeastNanoseconds = 10'000, kLongest = 2'000'000, kPerThread = 4;
  const double soon = std::max(1.0, nanoseconds / kLongest);
  if (threads == 1) return soon;
  return std::clamp(nanoseconds / kLeastNanoseconds, 1.0, std::max(kPerThread * static_cast<double>(threads), soon));
}

}  // namespace v0
}  // namespace coverslip
