// Where values need not be slabbed: which steps run box by box, so that what lies between them stays in a core's cache.
#pragma once
#include "coverslip/plan/boxes.hpp"
#include "coverslip/plan/cache_rules.hpp"
#include "coverslip/plan/split.hpp"

namespace coverslip {
inline namespace v0 {

// Any chains give the same bits, so they may depend on threads. What a chain makes on the way is read within it alone,
// or is kept: made box by box, each element once, and whole for those who read it later.
// Of all ways to part the steps into chains the one is taken that saves the most time, by prediction: traffic to the
// outer caches, less what is computed twice at the edges of boxes. Within a round all is about one sample, which one
// thread takes through its chains.
class Chains {
 public:
  Chains(Plan& plan, const CacheRules& rules)
      : plan_(plan), rules_(rules), readers_(plan.values.size()), rounds_(plan.steps.size()) {
    for (const Round& round : plan.rounds) std::fill_n(rounds_.begin() + round.begin, round.end - round.begin, &round);
    for (std::size_t s = 0; s < plan.steps.size(); ++s)
      bytes_.push_back(static_cast<double>(plan.values[made(s)].type.bytes()) / samples(s));
    for (std::size_t s = 0; s < plan.steps.size(); ++s)
      for (const ValueId v : plan.steps[s].node.inputs)
        if (v != kNoValue) readers_[v].touch(s);
    std::vector<Stretch> stretches;
    for (const Chain& chain : best()) stretches.push_back(chain.split ? chained(chain) : plan.stretches[chain.begin]);
    plan.stretches = std::move(stretches);
  }

 private:
  struct Readers {
    std::size_t count = 0, last = 0;
    void touch(std::size_t step) {
      ++count;
      last = step;
    }
  };
  struct Chain {
    std::size_t begin = 0, end = 0;
    double saved = 0;              // nanoseconds, of one core
    std::optional<Split> split{};  // of the last step's output; none: a step alone
  };

  double samples(std::size_t step) const {  // in each of which it runs anew
    return rounds_[step] != nullptr ? static_cast<double>(rounds_[step]->samples) : 1;
  }

  ValueId made(std::size_t step) const { return plan_.steps[step].node.outputs[0]; }

  bool can_chain(std::size_t s) const {
    const PlannedStep& step = plan_.steps[s];
    return step.node.outputs.size() == 1 && !step.step.cuts.empty() && !step.step.same_bytes && !step.step.window &&
           step.step.parts.empty() && shape_made(plan_, s).elements() > 0;
  }

  bool can_be_inner(std::size_t step) const {
    return plan_.values[made(step)].home == Home::Arena && readers_[made(step)].count > 0;
  }

  bool reads_one_of(std::size_t begin, std::size_t s) const {
    const std::vector<ValueId>& inputs = plan_.steps[s].node.inputs;
    for (std::size_t maker = begin; maker < s; ++maker)
      if (std::ranges::count(inputs, made(maker)) > 0) return true;
    return false;
  }

  std::vector<Chain> best() const {
    constexpr std::size_t kLongest = 12;
    const std::size_t n = plan_.steps.size();
    std::vector<Chain> ends(n + 1);  // the best last chain of the first steps
    std::vector<double> saved(n + 1, -1);
    saved[0] = 0;
    for (std::size_t begin = 0; begin < n; ++begin) {
      if (saved[begin] > saved[begin + 1]) {
        saved[begin + 1] = saved[begin];
        ends[begin + 1] = {begin, begin + 1};
      }
      for (std::size_t end = begin + 1; end < std::min(n, begin + kLongest) && can_chain(end - 1); ++end) {
        if (!can_be_inner(end - 1) || !can_chain(end) || !reads_one_of(begin, end)) break;
        if (rounds_[begin] != rounds_[end]) break;
        if (keeps_small(begin, end + 1)) continue;
        const double most = traffic(begin, end + 1) * samples(begin);  // it needs no boxes
        if (most <= least_worth(begin, end + 1) * samples(begin) || saved[begin] + most <= saved[end + 1]) continue;
        const Chain chain = of(begin, end + 1);
        if (chain.saved <= 0 || saved[begin] + chain.saved <= saved[end + 1]) continue;
        saved[end + 1] = saved[begin] + chain.saved;
        ends[end + 1] = chain;
      }
    }
    std::vector<Chain> chains;
    for (std::size_t end = n; end > 0; end = chains.back().begin) chains.push_back(ends[end]);
    std::ranges::reverse(chains);
    return chains;
  }

  // Nanoseconds of the steps [begin, begin + boxes.size()) for these boxes.
  double work(std::size_t begin, const std::vector<Box>& boxes) const {
    double ns = 0;
    for (std::size_t i = 0; i < boxes.size(); ++i)
      ns += plan_.steps[begin + i].step.nanoseconds * static_cast<double>(boxes[i].shape().elements()) /
            static_cast<double>(shape_made(plan_, begin + i).elements());
    return ns;
  }

  // Of inner values, at the step where they need most.
  std::size_t held(std::size_t begin, const std::vector<Box>& boxes) const {
    std::size_t most = 0;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      std::size_t bytes = 0;
      for (std::size_t maker = 0; maker <= i && maker + 1 < boxes.size(); ++maker) {
        const ValueId v = made(begin + maker);
        const std::size_t last = readers_[v].last - begin;
        if (last > i || (last == i && (i + 1 == boxes.size() || !in_place(begin + i, v))))
          bytes += TensorType{plan_.values[v].type.dtype, boxes[maker].shape()}.bytes();
      }
      most = std::max(most, bytes);
    }
    return most;
  }

  bool in_place(std::size_t s, ValueId v) const {
    const PlannedStep& step = plan_.steps[s];
    return step.step.in_place && step.node.inputs[*step.step.in_place] == v;
  }

  // Those along which a smaller box of the last step needs less of the steps before it.
  std::vector<Cut> useful_cuts(std::size_t begin, std::size_t end, const Box& whole, double whole_work) const {
    constexpr double kLess = 0.75;
    const Step& last = plan_.steps[end - 1].step;
    std::vector<Cut> cuts;
    for (const Cut& cut : last.cuts) {
      Box half = whole;
      half[cut.axis].end = half[cut.axis].end / 2 / cut.multiple * cut.multiple;
      if (half[cut.axis].end == 0) continue;
      if (work(begin, boxes_of(plan_, begin, end, half)) < kLess * whole_work) cuts.push_back(cut);
    }
    return cuts;
  }

  Chain of(std::size_t begin, std::size_t end) const {
    const bool in_round = rounds_[begin] != nullptr;
    const Box shape(shape_made(plan_, end - 1)), whole = in_round ? sample_of(shape, 0) : shape;
    const std::vector<Box> all = boxes_of(plan_, begin, end, whole);
    const double whole_work = work(begin, all);
    std::vector<Cut> cuts = useful_cuts(begin, end, whole, whole_work);
    bool keeping = false;
    for (std::size_t s = begin; s + 1 < end; ++s) keeping = keeping || kept(s, end);
    const auto room = static_cast<double>(rules_.cache_bytes / (keeping ? 8 : 2));
    double wanted = std::max(
        {2.0, pieces_for(in_round ? 1 : rules_.threads, whole_work), static_cast<double>(held(begin, all)) / room});
    for (int attempt = 0; attempt < 4; ++attempt) {
      const Split split(whole, cuts, wanted);
      const std::vector<Box> middle = boxes_of(plan_, begin, end, split.piece(split.pieces() / 2));
      const auto bytes = static_cast<double>(held(begin, middle));
      if (bytes <= room) {
        const double ns = saved(begin, end, split, middle);
        if (ns <= 0 || keeps(begin, end, split)) return {begin, end, ns, split};
        // Boxes of what is kept overlap, because the pieces are finer than the multiples of earlier steps
        for (Cut& cut : cuts) cut.multiple *= 2;
        continue;
      }
      wanted = static_cast<double>(split.pieces()) * std::max(1.25, bytes / room);
    }
    return {begin, end};
  }

  bool kept(std::size_t s, std::size_t end) const { return readers_[made(s)].last >= end; }

  // Whether a value is kept that the cache would hold anyway.
  bool keeps_small(std::size_t begin, std::size_t end) const {
    for (std::size_t s = begin; s + 1 < end; ++s)
      if (kept(s, end) && bytes_[s] <= static_cast<double>(rules_.cache_bytes)) return true;
    return false;
  }

  // True if each element of what is kept belongs to one piece.
  bool keeps(std::size_t begin, std::size_t end, const Split& split) const {
    constexpr Dim kMostPieces = 256;
    std::vector<std::size_t> makers;
    for (std::size_t s = begin; s + 1 < end; ++s)
      if (kept(s, end)) makers.push_back(s);
    if (makers.empty()) return true;
    if (split.pieces() > kMostPieces) return false;
    std::vector<std::vector<Box>> all;
    for (Dim i = 0; i < split.pieces(); ++i) all.push_back(boxes_of(plan_, begin, end, split.piece(i)));
    return std::ranges::all_of(makers, [&](std::size_t s) {
      Dim elements = 0;
      for (std::size_t i = 0; i < all.size(); ++i) {
        const Box& box = all[i][s - begin];
        elements += box.shape().elements();
        for (std::size_t j = 0; j < i; ++j)
          if (overlap(box, all[j][s - begin])) return false;
      }
      return elements == shape_made(plan_, s).elements() / (rounds_[s] != nullptr ? rounds_[s]->samples : 1);
    });
  }

  // Nanoseconds of a sample's steps without the chain.
  double apart(std::size_t begin, std::size_t end) const {
    double ns = 0;
    for (std::size_t s = begin; s < end; ++s) ns += plan_.steps[s].step.nanoseconds / samples(s);
    return ns;
  }

  double least_worth(std::size_t begin, std::size_t end) const { return rules_.least_share * apart(begin, end); }

  // Nanoseconds of a sample that its inner values take on their way to the outer caches: no chain saves more.
  double traffic(std::size_t begin, std::size_t end) const {
    double ns = 0;
    for (std::size_t s = begin; s + 1 < end; ++s)
      if (bytes_[s] > static_cast<double>(rules_.cache_bytes))
        ns += kept(s, end) ? bytes_[s] / rate(s + 1) : bytes_[s] * static_cast<double>(passes(s, end - 1)) / rate(s);
    return ns;
  }

  double saved(std::size_t begin, std::size_t end, const Split& split, const std::vector<Box>& middle) const {
    const auto pieces = static_cast<double>(split.pieces());
    std::size_t constants = 0;
    for (std::size_t s = begin; s < end; ++s)
      for (const ValueId in : plan_.steps[s].node.inputs)
        if (in != kNoValue && plan_.values[in].constant != nullptr) constants += plan_.values[in].type.bytes();
    const double calls = pieces * static_cast<double>(end - begin) * rules_.call_nanoseconds;
    // The middle may be a small piece.
    const double twice = std::max(0.0, work(begin, middle) * pieces - apart(begin, end));
    double ns = traffic(begin, end) - twice - calls;
    if (constants + held(begin, middle) > rules_.cache_bytes)
      ns -= (pieces - 1) * static_cast<double>(constants) / rules_.constant_bytes_per_nanosecond;
    return ns > least_worth(begin, end) ? ns * samples(begin) : 0;
  }

  // Of what a step reads or makes: nothing hides that if it only moves.
  double rate(std::size_t step) const {
    const bool moves = plan_.steps[step].step.multiply_adds == 0;
    return moves ? rules_.bare_bytes_per_nanosecond : rules_.value_bytes_per_nanosecond;
  }

  // How often what step s makes would be read and written to no purpose without a chain. A step in place writes into
  // lines that it has just read; the last one of a chain into others, which nothing hides.
  std::size_t passes(std::size_t s, std::size_t last) const {
    const PlannedStep& step = plan_.steps[s];
    const std::optional<std::size_t> place = step.step.in_place;
    const bool over = place && step.node.has(*place) && readers_[step.node.inputs[*place]].last == s &&
                      plan_.values[step.node.inputs[*place]].home == Home::Arena;
    const std::size_t all = readers_[made(s)].count + (over ? 0 : 1), exposed = in_place(last, made(s)) ? 2 : 0;
    return all - std::min(all, exposed);
  }

  Stretch chained(const Chain& chain) {
    Stretch stretch{chain.begin, chain.end, {}, true};
    for (Dim i = 0; i < chain.split->pieces(); ++i)
      stretch.slabs.push_back(boxes_of(plan_, chain.begin, chain.end, chain.split->piece(i)));
    for (std::size_t s = chain.begin; s + 1 < chain.end; ++s)
      if (!kept(s, chain.end)) plan_.values[made(s)].home = Home::Scratch;
    return stretch;
  }

  Plan& plan_;
  CacheRules rules_;
  std::vector<Readers> readers_;      // of each value
  std::vector<const Round*> rounds_;  // of each step; null: none
  std::vector<double> bytes_{};       // that each step makes of a sample
};

}  // namespace v0
}  // namespace coverslip
