// What the operators Reduce* are: which terms they join, of which types, and what they make of the result.
#pragma once
#include <cmath>

#include "coverslip/ops/elementwise/cast.hpp"
#include "coverslip/ops/reductions/reduction.hpp"

namespace coverslip::inline v0::ops {

// What is done with the joined terms at last.
enum class Finish : std::uint8_t { None, Mean, Root, Log, LogSum };

struct Reducer {
  std::string_view name;
  Term term;
  Finish finish = Finish::None;
  bool integers = true, bytes = false;  // beside floats: i32 and i64; i8, u8 and bool
};
inline constexpr Reducer kReducers[] = {
    {"ReduceSum", Term::Plain},
    {"ReduceMean", Term::Plain, Finish::Mean},
    {"ReduceMax", Term::Most, Finish::None, true, true},
    {"ReduceMin", Term::Least, Finish::None, true, true},
    {"ReduceProd", Term::Factor},
    {"ReduceL1", Term::Absolute},
    {"ReduceL2", Term::Square, Finish::Root},
    {"ReduceLogSum", Term::Plain, Finish::Log, false},
    {"ReduceLogSumExp", Term::Exponential, Finish::LogSum, false},
    {"ReduceSumSquare", Term::Square},
};

// Those of blocks are named by an attribute.
inline const Reducer& reducer_of(const Node& node) {
  const std::string name = node.attr("coverslip.reduce", node.op);
  return *std::find_if(std::begin(kReducers), std::end(kReducers) - 1,
                       [&](const Reducer& r) { return r.name == name; });
}

inline Types reduce_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 1, 2);
  const Reducer& reducer = reducer_of(node);
  const DType dtype = in[0].dtype;
  const bool wide = dtype == DType::i32 || dtype == DType::i64;
  const bool bytes = dtype == DType::i8 || dtype == DType::u8 || dtype == DType::boolean;
  if ((wide && !reducer.integers) || (bytes && !reducer.bytes))
    throw Error(Errc::Unsupported, node.label(), "input is ", dtype, ", which ", reducer.name, " does not take");
  const Shape y = reduction_of(node, in, constants).shape();
  y.elements();
  return {{dtype, y}};
}

// Floats are reduced in double; integers in i64, where they wrap around.
template <class T>
using Joined = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;

template <class T>
constexpr Joined<T> first_term(Term term) {
  using Limits = std::numeric_limits<std::conditional_t<std::is_integral_v<T>, T, double>>;
  switch (term) {
    case Term::Factor: return 1;
    case Term::Most: return Limits::has_infinity ? -Limits::infinity() : Limits::min();
    case Term::Least: return Limits::has_infinity ? Limits::infinity() : Limits::max();
    default: return 0;
  }
}

inline double join(Term term, double sum, double x) {
  switch (term) {
    case Term::Plain:
    case Term::Exponential: return sum + x;
    case Term::Absolute: return sum + std::abs(x);
    case Term::Square: return sum + x * x;
    case Term::Factor: return sum * x;
    case Term::Most: return x > sum || std::isnan(x) ? x : sum;
    case Term::Least: break;
  }
  return x < sum || std::isnan(x) ? x : sum;
}

inline std::int64_t join(Term term, std::int64_t sum, std::int64_t x) {
  const auto u = static_cast<std::uint64_t>(sum), v = static_cast<std::uint64_t>(x);
  switch (term) {
    case Term::Plain:
    case Term::Exponential: return static_cast<std::int64_t>(u + v);
    case Term::Absolute: return static_cast<std::int64_t>(x < 0 ? u - v : u + v);
    case Term::Square: return static_cast<std::int64_t>(u + v * v);
    case Term::Factor: return static_cast<std::int64_t>(u * v);
    case Term::Most: return std::max(sum, x);
    case Term::Least: break;
  }
  return std::min(sum, x);
}

// `n` terms; `most` of them is what their exponentials are relative to. A mean of nothing is NaN.
inline double finish(Finish finish, double sum, double n, double most) {
  switch (finish) {
    case Finish::None: break;
    case Finish::Mean: return sum / n;
    case Finish::Root: return std::sqrt(sum);
    case Finish::Log: return std::log(sum);
    case Finish::LogSum: return std::isfinite(most) ? std::log(sum) + most : most;
  }
  return sum;
}

inline double bounded(double least, double x) { return x < least ? least : x; }
inline std::int64_t bounded(double, std::int64_t x) { return x; }

// A mean and a root are cut towards zero; a mean of nothing is 0.
inline std::int64_t finish(Finish finish, std::int64_t sum, double n, double) {
  if (finish == Finish::Mean) return n > 0 ? sum / static_cast<std::int64_t>(n) : 0;
  return finish == Finish::Root ? static_cast<std::int64_t>(std::sqrt(static_cast<double>(sum))) : sum;
}

template <class T>
Joined<T> widened(T x) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<std::int64_t>(x);
  else
    return double{convert<float>(x)};
}

template <class T>
T narrowed(Joined<T> x) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(x);
  else
    return convert<T>(static_cast<float>(x));
}

inline void reduce(const Node& node, Inputs in, Outputs out) {
  const Reducer& reducer = reducer_of(node);
  const Reduction r = reduction_of(node, in);
  visit(in[0].dtype(), [&]<class T>(T) {
    for_each_reduced(r, [&](const Index& at, const Box& part) {
      const auto joined = [&](Term term, Joined<T> relative_to) {
        Joined<T> sum = first_term<T>(term);
        for_each(part, [&](const Index& i) {
          Joined<T> x = widened(*in[0].as<T>(i));
          if constexpr (!std::is_integral_v<T>)
            if (term == Term::Exponential) x = std::exp(x - relative_to);
          sum = join(term, sum, x);
        });
        return sum;
      };
      const Joined<T> most = reducer.finish == Finish::LogSum ? joined(Term::Most, 0) : 0;
      const double n = r.divisor.value_or(static_cast<double>(part.shape().elements()));
      const auto made = finish(reducer.finish, joined(reducer.term, most), n, static_cast<double>(most));
      *out[0].as<T>(at) = narrowed<T>(bounded(r.least, made));
    });
  });
}

// What an error of the sum is to be measured by. Its logarithm has the relative error of the sum.
inline void reduce_magnitudes(const Node& node, Inputs in, Outputs out) {
  const Reducer& reducer = reducer_of(node);
  const Reduction r = reduction_of(node, in);
  reduce(node, in, out);
  visit(in[0].dtype(), [&]<class T>(T) {
    for_each_reduced(r, [&](const Index& at, const Box& part) {
      double sum = 0, sizes = 0;
      for_each(part, [&](const Index& i) {
        const auto x = static_cast<double>(widened(*in[0].as<T>(i)));
        sum += x;
        sizes += std::abs(x);
      });
      const double n = r.divisor.value_or(static_cast<double>(part.shape().elements()));
      double size = std::abs(static_cast<double>(widened(*out[0].as<T>(at))));
      if (reducer.finish == Finish::Mean) size = sizes / n;
      if (reducer.finish == Finish::Log) size += sizes / std::abs(sum);
      if (reducer.finish == Finish::LogSum) size += 1;
      if (reducer.finish == Finish::None && reducer.term == Term::Plain) size = sizes;
      if constexpr (!std::is_integral_v<T>) *out[0].as<T>(at) = narrowed<T>(size);
    });
  });
}

// Two roundings to float, of both results, and twice as many where blocks make numbers between; n of double. A
// difference is rounded before its exponential, which is good to two units, and 0 where it is more than 104.
inline double reduce_tolerance(const Node& node, const Types& in) {
  const Reducer& reducer = reducer_of(node);
  if (reducer.term == Term::Most || reducer.term == Term::Least) return 0;
  const double terms = static_cast<double>(in[0].shape.elements());
  const double own = reducer.term == Term::Exponential ? 104 + 8 : 6;
  return own * 0x1p-24 + 2 * terms * 0x1p-53;
}

}  // namespace coverslip::inline v0::ops
