// Convolution in bf16 of an input that is rounded once: which terms of a window lie side by side in it.
#pragma once
#include <numeric>

#include "coverslip/ops/bf16.hpp"
#include "coverslip/ops/windows/indirect.hpp"

namespace coverslip::inline v0::ops {

// An image holds input positions with their channels side by side, so that along the last axis neighbouring taps are
// one run of terms. Runs are cut into pieces of kBf16Terms. The last piece of a run reaches back into the one before;
// of a run that is shorter than a piece, over its end.
struct Bf16Window {
  struct Piece {
    Dim outer, run;  // among the taps of the axes before the last; among the runs
    Dim first;       // its first term in the run
  };
  std::vector<std::vector<Dim>> runs{};  // taps of the last axis
  std::vector<Piece> pieces{};
  std::vector<Dim> order{};  // of all terms of all pieces: the row among those of the panels in f32, or -1

  // Piece by piece of all taps, so that the lines of an image are read again soon.
  explicit Bf16Window(const IndirectConv& conv) {
    const std::vector<Dim>& at = conv.axes.back().at;
    const Dim channels = conv.channels / conv.panels.groups, outers = conv.taps() / static_cast<Dim>(at.size());
    find_runs(at, conv.panels.groups == 1 && channels % kTerms != 0);
    const auto terms = [&](const std::vector<Dim>& run) { return static_cast<Dim>(run.size()) * channels; };
    for (Dim begin = 0, more = 1; more > 0; begin += kTerms) {
      more = 0;
      for (Dim outer = 0; outer < outers; ++outer)
        for (std::size_t r = 0; r < runs.size(); ++r) {
          const Dim n = terms(runs[r]);
          if (begin >= n) continue;
          more = std::max(more, n - begin - kTerms);
          const Dim first = std::max<Dim>(std::min(begin, n - kTerms), 0);
          pieces.push_back({outer, static_cast<Dim>(r), first});
          for (Dim i = first; i < first + kTerms; ++i) {
            const Dim tap = i < n ? runs[r][static_cast<std::size_t>(i / channels)] : 0;
            order.push_back(
                i < begin || i >= n ? -1 : (outer * static_cast<Dim>(at.size()) + tap) * channels + i % channels);
          }
        }
    }
  }

  std::string name() const {
    std::string text = "runs";
    for (const std::vector<Dim>& run : runs) {
      for (const Dim tap : run) text += " " + std::to_string(tap);
      text += ";";
    }
    return text;
  }

 private:
  static constexpr auto kTerms = static_cast<Dim>(kBf16Terms);

  void find_runs(const std::vector<Dim>& at, bool join) {
    std::vector<Dim> taps(at.size());
    std::iota(taps.begin(), taps.end(), Dim{0});
    const auto place = [&](Dim tap) { return at[static_cast<std::size_t>(tap)]; };
    std::ranges::sort(taps, {}, place);
    for (const Dim tap : taps) {
      if (!join || runs.empty() || place(tap) != place(runs.back().back()) + 1) runs.emplace_back();
      runs.back().push_back(tap);
    }
  }
};

}  // namespace coverslip::inline v0::ops
