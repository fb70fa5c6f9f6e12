// How threads share a box: pieces that follow from its shape, the step's cuts and its predicted time.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "coverslip/ops/op.hpp"

namespace coverslip {
inline namespace v0 {

// Pieces along one or two of the step's cuts, best first. Any split gives the same bits, so it may depend on the
// machine.
class Split {
 public:
  // About `wanted` pieces, or as many as the cuts allow; cuts before `first` are left out.
  Split(const Box& box, const std::vector<Cut>& cuts, double wanted, std::size_t first = 0) : box_(box) {
    std::size_t used = 0;
    for (const Cut& cut : std::span(cuts).subspan(std::min(first, cuts.size()))) {
      const Dim multiples = within(cut);
      if (multiples < 2 || used == sides_.size()) continue;
      Dim pieces = static_cast<Dim>(std::ceil(wanted / static_cast<double>(pieces_)));
      if (pieces < 2) break;
      if (multiples < 3 * pieces && multiples % pieces > 0) {  // uneven: another cut evens it out
        pieces = multiples;
        wanted *= 2;
      }
      pieces = std::min(multiples, pieces);
      sides_[used++] = {cut, multiples, pieces};
      pieces_ *= pieces;
    }
  }

  Dim pieces() const { return pieces_; }

  // What the one of so many threads that gets most of the box has of it, in elements.
  Dim largest_share(std::size_t threads) const {
    const auto all = static_cast<Dim>(threads);
    Dim largest = 0;
    for (Dim thread = 0; thread < all; ++thread) {
      Dim share = 0;
      for (Dim i = pieces_ * thread / all; i < pieces_ * (thread + 1) / all; ++i) share += piece(i).shape().elements();
      largest = std::max(largest, share);
    }
    return largest;
  }

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

// For threads that take as many pieces each: by the best cut, unless it leaves one of them more to do than others do.
inline Split even_split(const Box& box, const std::vector<Cut>& cuts, double wanted, std::size_t threads) {
  constexpr double kUneven = 1.02;
  Split best(box, cuts, wanted);
  if (threads == 1 || best.pieces() == 1) return best;
  const double even = static_cast<double>(box.shape().elements()) / static_cast<double>(threads);
  Dim least = best.largest_share(threads);
  for (std::size_t first = 1; first < cuts.size() && static_cast<double>(least) > kUneven * even; ++first) {
    const Split other(box, cuts, wanted, first);
    const Dim largest = other.largest_share(threads);
    if (static_cast<double>(largest) * kUneven < static_cast<double>(least)) {
      best = other;
      least = largest;
    }
  }
  return best;
}

// As many for each thread, none too short to be worth its handing over, and short enough to stop soon. More than one,
// to even out what other work takes from a core, only where they are long and repeat nothing: a kernel is best on large
// pieces.
inline double pieces_for(std::size_t threads, double nanoseconds, bool repeats = false) {
  constexpr double kLeast = 8'000, kLong = 100'000, kLongest = 5'000'000, kPerThread = 4;
  const double soon = std::max(1.0, nanoseconds / (repeats ? 2 * kLongest : kLongest));
  if (threads == 1) return soon;
  const auto all = static_cast<double>(threads);
  const double even = all * std::clamp(std::floor(nanoseconds / all / kLong), 1.0, repeats ? 1.0 : kPerThread);
  return std::max(soon, std::clamp(std::floor(nanoseconds / kLeast), 1.0, even));
}

}  // namespace v0
}  // namespace coverslip
