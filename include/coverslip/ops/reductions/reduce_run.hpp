// How Reduce* run: along elements that lie side by side, or across them, many columns at once.
#pragma once
#include "coverslip/ops/chunks.hpp"
#include "coverslip/ops/nest.hpp"
#include "coverslip/ops/reductions/reduce.hpp"

namespace coverslip::inline v0::ops {

// As ReduceKernels has them for floats.
template <class T>
struct TermKernels {
  Joined<T> (*along[kTerms])(const T* x, std::size_t n, float shift);
  void (*across[kTerms])(const T* x, const Rows& rows, Joined<T>* results, const float* shift);
};

template <class T, Term kTerm>
std::int64_t integers_along(const T* x, std::size_t n, float) {
  std::int64_t sum = first_term<T>(kTerm);
  for (std::size_t i = 0; i < n; ++i) sum = join(kTerm, sum, std::int64_t{x[i]});
  return sum;
}

template <class T, Term kTerm>
void integers_across(const T* x, const Rows& rows, std::int64_t* results, const float*) {
  for (std::size_t row = 0; row < rows.count; ++row, x += rows.x_step)
    for (std::size_t c = 0; c < rows.n; ++c) results[c] = join(kTerm, results[c], std::int64_t{x[c]});
}

// Of one byte: only the most and the least.
template <class T>
TermKernels<T> term_kernels(const ReduceKernels& floats) {
  TermKernels<T> made{};
  const auto add = [&]<Term kTerm>(std::integral_constant<Term, kTerm>) {
    made.along[static_cast<std::size_t>(kTerm)] = integers_along<T, kTerm>;
    made.across[static_cast<std::size_t>(kTerm)] = integers_across<T, kTerm>;
  };
  if constexpr (std::is_same_v<T, float>) {
    std::copy(std::begin(floats.along), std::end(floats.along), made.along);
    std::copy(std::begin(floats.across), std::end(floats.across), made.across);
  } else {
    add(std::integral_constant<Term, Term::Most>());
    add(std::integral_constant<Term, Term::Least>());
    if constexpr (sizeof(T) > 1) {
      add(std::integral_constant<Term, Term::Plain>());
      add(std::integral_constant<Term, Term::Absolute>());
      add(std::integral_constant<Term, Term::Square>());
      add(std::integral_constant<Term, Term::Factor>());
    }
  }
  return made;
}

template <class T>
class ReduceRun {
 public:
  ReduceRun(const ReduceKernels& floats, const Reducer& reducer, Reduction r, Layout layout)
      : kernels_(term_kernels<T>(floats)), reducer_(reducer), r_(std::move(r)) {
    for (const std::size_t axis : memory_order(layout, r_.x.rank()))
      if (r_.reduced[axis]) order_.push_back(axis);
    along_ = is_along(r_, layout);
  }

  static bool is_along(const Reduction& r, Layout layout) {
    const auto order = memory_order(layout, r.x.rank());
    return order.rank() > 0 && r.reduced[order[order.rank() - 1]];
  }
  static constexpr std::size_t kScratch =
      std::max(Chunks::kMost * sizeof(T), std::size_t{256} * (sizeof(Joined<T>) + sizeof(float)));

  void operator()(Inputs in, Outputs out, const Box& box, std::byte* scratch) const {
    if (box.shape().elements() == 0) return;
    for_each_block(r_, box, [&](const Box& full) { run(in[0], out[0], full, scratch); });
  }

 private:
  // One block along each reduced axis.
  void run(const View& x, View& y, const Box& full, std::byte* scratch) const {
    const Box source = r_.source(full);
    const Chunks chunks(x.strides(), source.shape(), order_);
    const bool empty = chunks.elements() == 0;  // then nothing is read
    const T* from = empty ? reinterpret_cast<const T*>(scratch) : x.as<T>(source.origin());
    T* to = y.as<T>(r_.index(full.origin()));
    Nest<2> nest(full.shape(), {empty ? Index(full.rank(), 0) : x.strides(), r_.full(y.strides())});
    if (!along_) nest.want_unit_strides();
    const auto &inner = nest.inner(), &outer = nest.outer();
    nest.for_each_plane([&](const auto& at) {
      for (Dim row = 0; row < outer.extent; ++row) {
        const T* first = from + at[0] + row * outer.strides[0];
        T* result = to + at[1] + row * outer.strides[1];
        if (along_)
          for (Dim i = 0; i < inner.extent; ++i)
            result[i * inner.strides[1]] = along(chunks, first + i * inner.strides[0], scratch);
        else
          for (Dim i = 0; i < inner.extent; i += kTile)
            across(x, source, first + i * inner.strides[0], result + i, std::min(kTile, inner.extent - i), scratch);
      }
    });
  }

  T along(const Chunks& chunks, const T* x, std::byte* scratch) const {
    T* room = reinterpret_cast<T*>(scratch);
    const auto joined = [&](Term term, float shift) {
      Joined<T> sum = first_term<T>(term);
      const Term again = term == Term::Square || term == Term::Absolute ? Term::Plain : term;
      chunks.for_each(x, room, [&](const T* chunk, std::size_t n) {
        sum = join(again, sum, kernels_.along[static_cast<std::size_t>(term)](chunk, n, shift));
      });
      return sum;
    };
    const Joined<T> most = reducer_.finish == Finish::LogSum ? joined(Term::Most, 0) : 0;
    return made(joined(reducer_.term, static_cast<float>(most)), static_cast<double>(chunks.elements()),
                static_cast<double>(most));
  }

  void across(const View& x, const Box& source, const T* first, T* y, Dim columns, std::byte* scratch) const {
    auto* sums = reinterpret_cast<Joined<T>*>(scratch);
    auto* most = reinterpret_cast<float*>(scratch + kTile * sizeof(Joined<T>));
    const auto join_all = [&](Term term) {
      std::fill_n(sums, columns, first_term<T>(term));
      for_each_rows(x.strides(), source.shape(), order_, columns, [&](Dim offset, const Rows& rows) {
        kernels_.across[static_cast<std::size_t>(term)](first + offset, rows, sums, most);
      });
    };
    if (reducer_.finish == Finish::LogSum) {
      join_all(Term::Most);
      for (Dim c = 0; c < columns; ++c) most[c] = static_cast<float>(sums[c]);
    }
    join_all(reducer_.term);
    double n = 1;
    for (const std::size_t axis : order_) n *= static_cast<double>(source[axis].extent());
    for (Dim c = 0; c < columns; ++c) y[c] = made(sums[c], n, reducer_.finish == Finish::LogSum ? double{most[c]} : 0);
  }

  T made(Joined<T> sum, double n, double most) const {
    return narrowed<T>(bounded(r_.least, finish(reducer_.finish, sum, r_.divisor.value_or(n), most)));
  }

  static constexpr Dim kTile = 256;  // columns whose results stay in the first cache
  TermKernels<T> kernels_;
  Reducer reducer_;
  Reduction r_;
  PerAxis<std::size_t> order_;  // of the reduced axes
  bool along_ = false;
};

}  // namespace coverslip::inline v0::ops
