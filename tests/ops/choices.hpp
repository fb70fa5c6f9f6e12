// A seeded stream of small decisions, from which a test makes its case; it can be replayed, and shrunk when one fails.
#pragma once
#include <random>
#include <vector>

#include "coverslip/core/shape.hpp"

namespace coverslip {
inline namespace v0 {

// Shrinking the decisions instead of what was made of them: MacIver and Donaldson 2020, "Test-Case Reduction via
// Test-Case Generation". A case gets smaller with each number, so the least of each range should be the simplest.
class Choices {
 public:
  explicit Choices(unsigned seed) : random_(seed), replays_(false) {}
  // Makes these decisions again, and the simplest ones after their end.
  explicit Choices(std::vector<Dim> made) : given_(std::move(made)), replays_(true) {}

  Dim pick(Dim least, Dim most) {
    const std::size_t at = made_.size();
    const Dim replayed = at < given_.size() ? std::min(given_[at], most - least) : 0;
    made_.push_back(replays_ ? replayed : std::uniform_int_distribution<Dim>(0, most - least)(random_));
    return least + made_.back();
  }
  bool coin() { return pick(0, 1) == 1; }
  // Mostly small; now and then at and beyond vector length and tile size.
  Dim channels() { return coin() ? pick(1, 5) : pick(1, 37); }
  template <class T>
  const T& one_of(const std::vector<T>& all) {
    return all[static_cast<std::size_t>(pick(0, static_cast<Dim>(all.size()) - 1))];
  }
  const std::vector<Dim>& made() const { return made_; }

 private:
  std::mt19937 random_;
  std::vector<Dim> given_, made_;
  bool replays_;
};

// Of the decisions that still fail, the least that some hundred attempts find.
template <class F>
std::vector<Dim> shrunk(std::vector<Dim> made, const F& fails) {
  int attempts = 0;
  const auto better = [&](const std::vector<Dim>& smaller) {
    if (++attempts > 600 || !fails(smaller)) return false;
    made = smaller;
    return true;
  };
  for (bool again = true; again && attempts < 600;) {
    again = false;
    for (std::size_t i = made.size(); i-- > 0;) {
      if (i >= made.size()) continue;
      std::vector<Dim> without = made;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      if (better(without)) {
        again = true;
        continue;
      }
      for (const Dim smaller : {Dim{0}, made[i] / 2, made[i] - 1}) {
        if (smaller < 0 || smaller >= made[i]) continue;
        std::vector<Dim> lower = made;
        lower[i] = smaller;
        if (better(lower)) {
          again = true;
          break;
        }
      }
    }
  }
  return made;
}

}  // namespace v0
}  // namespace coverslip
