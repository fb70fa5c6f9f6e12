// The elementary functions against those of the standard library in double, over floats of all magnitudes.
#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include "coverslip/kernels/table.hpp"
#include "support.hpp"
using namespace coverslip;

namespace {

struct Elementary {
  const char* name;
  Epilogue kernel;
  double (*want)(double);
  bool negative = true;  // false: only of what is not below zero
  double least = 0;      // errors up to this do not count
  double bend = 0;       // x may be so much bigger or smaller
};

double expm1_below_zero(double x) { return x < 0 ? std::expm1(x) : x; }

const Elementary kElementary[] = {
    {"exp", {Activation::Exp}, [](double x) { return std::exp(x); }},
    {"e^x - 1", {Activation::Elu, 1, 1}, expm1_below_zero},
    {"log", {Activation::Log}, [](double x) { return std::log(x); }, false},
    {"tanh", {Activation::Tanh}, [](double x) { return std::tanh(x); }},
    {"erf", {Activation::Erf}, [](double x) { return std::erf(x); }},
    {"sigmoid", {Activation::Sigmoid}, [](double x) { return 1 / (1 + std::exp(-x)); }, true, 0x1p-127, 0x1p-23},
    {"softplus",
     {Activation::Softplus},
     [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }},
};

// Of all 2^32 bit patterns one in `step`, which is odd: every exponent, denormals, infinities and NaN among them.
std::vector<float> floats_of_all_kinds(std::uint64_t step) {
  std::vector<float> x{0.0f,
                       -0.0f,
                       1.0f,
                       -1.0f,
                       std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity(),
                       std::numeric_limits<float>::quiet_NaN()};
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += step)
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  return x;
}

// In units of the last place of what is wanted.
double error_of(float got, double want) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) == std::isnan(got) ? 0 : 1e9;
  const float nearest = static_cast<float>(want);
  if (got == nearest) return 0;
  if (std::isinf(got) || std::isinf(nearest)) return want > 3.4028e38 && got > 3.4028e38f ? 1 : 1e9;
  const int exponent = std::max(std::ilogb(want), -126);
  return std::abs(double{got} - want) / std::ldexp(1.0, exponent - 23);
}

std::vector<float> values(const KernelTable& kernels, const Epilogue& function, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  kernels.unary.activate(x.data(), y.data(), {.count = 1, .n = x.size()}, function);
  return y;
}

}  // namespace

TEST_CASE("exp, log, tanh and erf are good to four units in the last place, and have the same bits on every target") {
  const std::vector<float> x = floats_of_all_kinds(4093);
  for (const Elementary& f : kElementary) {
    INFO(f.name);
    const std::vector<float> y = values(*supported_kernels().back(), f.kernel, x);
    double worst = 0;
    float worst_x = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!f.negative && x[i] < 0) continue;
      const double want = f.want(x[i]);
      if (std::abs(y[i] - want) < f.least) continue;
      const auto [low, high] = std::minmax({f.want(x[i] * (1 - f.bend)), f.want(x[i] * (1 + f.bend))});
      const bool number = !std::isnan(want) && !std::isnan(y[i]);
      const double error = error_of(y[i], number ? std::clamp(double{y[i]}, low, high) : want);
      if (error > worst) worst = error, worst_x = x[i];
    }
    CAPTURE(worst_x);
    CHECK(worst < 4);
    for (const KernelTable* kernels : supported_kernels()) {
      INFO(std::string(kernels->name));
      const std::vector<float> same = values(*kernels, f.kernel, x);
      std::size_t differ = 0;
      for (std::size_t i = 0; i < x.size(); ++i)
        differ += std::bit_cast<std::uint32_t>(same[i]) != std::bit_cast<std::uint32_t>(y[i]) &&
                  !(std::isnan(same[i]) && std::isnan(y[i]));
      CHECK(differ == 0);
    }
  }
}

TEST_CASE("gates are good to 2^-22, with the same bits on every target where they are rounded twice") {
  constexpr double kRootOfTwo = 1.4142135623730951, kSteep = 0.7978845608028654;
  struct Gate {
    const char* name;
    Epilogue kernel;
    double (*want)(double);  // what x is multiplied by, and of Sigmoid all
  };
  const Gate gates[] = {
      {"sigmoid", {Activation::Sigmoid}, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"swish", {Activation::Swish, 1}, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"swish of -1.702 x", {Activation::Swish, -1.702f}, [](double x) { return 1 / (1 + std::exp(1.702f * x)); }},
      {"gelu", {Activation::Gelu}, [](double x) { return std::erfc(-x / kRootOfTwo) / 2; }},
      {"gelu by tanh",
       {Activation::GeluTanh},
       [](double x) { return 1 / (1 + std::exp(-2 * kSteep * (x + 0.044715 * x * x * x))); }},
  };
  std::vector<float> x = floats_of_all_kinds(4093);
  for (int i = -120000; i <= 120000; ++i) x.push_back(static_cast<float>(i) / 8192);
  for (const Gate& gate : gates) {
    INFO(gate.name);
    const std::vector<float> same = values(*supported_kernels().back(), gate.kernel, x);
    for (const KernelTable* kernels : supported_kernels()) {
      INFO(std::string(kernels->name));
      const std::vector<float> twice = values(*kernels, gate.kernel, x);
      std::vector<float> best(x.size());
      kernels->unary.activate_sums(x.data(), best.data(), {.count = 1, .n = x.size()}, gate.kernel);
      std::size_t differ = 0;
      double worst = 0;
      float worst_x = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        differ += std::bit_cast<std::uint32_t>(same[i]) != std::bit_cast<std::uint32_t>(twice[i]) &&
                  !(std::isnan(same[i]) && std::isnan(twice[i]));
        if (std::isnan(x[i])) REQUIRE((std::isnan(best[i]) && std::isnan(twice[i])));
        const double by = gate.kernel.activation == Activation::Sigmoid ? 1 : double{x[i]};
        if (!std::isfinite(by) || std::abs(by) < 0x1p-100) continue;
        for (const float y : {best[i], twice[i]})
          if (const double error = std::abs(y / by - gate.want(x[i])); !(error <= worst)) worst = error, worst_x = x[i];
      }
      CAPTURE(worst_x);
      CHECK(worst <= 0x1p-22);
      CHECK(differ == 0);
    }
  }
}

TEST_CASE("powers are good to one unit in the last place, and have the same bits on every target") {
  std::mt19937 random(1);
  std::vector<float> x, y;
  const auto any = [&] { return std::bit_cast<float>(static_cast<std::uint32_t>(random())); };
  std::uniform_real_distribution<float> size(-20, 20);
  for (int i = 0; i < 60000; ++i) {
    x.push_back(i % 3 == 0 ? any() : std::exp2(size(random)));
    y.push_back(i % 5 == 0 ? any() : i % 5 == 1 ? std::round(size(random)) : size(random));
    if (i % 7 == 0) x.back() = -x.back();
  }
  const auto powers = [&](const KernelTable& kernels) {
    std::vector<float> z(x.size());
    kernels.binary.find(BinaryOp::Pow, Element::f32)(x.data(), y.data(), z.data(),
                                                     {.rows = {.count = 1, .n = x.size()}});
    return z;
  };
  const std::vector<float> same = powers(*supported_kernels().back());
  for (std::size_t i = 0; i < x.size(); ++i) {
    CAPTURE(x[i]);
    CAPTURE(y[i]);
    REQUIRE(error_of(same[i], std::pow(double{x[i]}, double{y[i]})) <= 1);
  }
  for (const KernelTable* kernels : supported_kernels()) {
    INFO(std::string(kernels->name));
    const std::vector<float> z = powers(*kernels);
    std::size_t differ = 0;
    for (std::size_t i = 0; i < z.size(); ++i) differ += z[i] != same[i] && !(std::isnan(z[i]) && std::isnan(same[i]));
    CHECK(differ == 0);
  }
}

TEST_CASE("16-bit floats are widened and narrowed as core/half.hpp does it, on every target") {
  std::vector<std::uint16_t> halves(1 << 16);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
  const std::vector<float> floats = floats_of_all_kinds(4093);
  for (const KernelTable* kernels : supported_kernels()) {
    INFO(std::string(kernels->name));
    std::vector<float> wide(halves.size()), wide_b(halves.size());
    kernels->half.widen_f16(halves.data(), wide.data(), halves.size());
    kernels->half.widen_bf16(halves.data(), wide_b.data(), halves.size());
    std::size_t differ = 0;
    for (std::size_t i = 0; i < halves.size(); ++i) {
      differ += std::bit_cast<std::uint32_t>(wide[i]) != std::bit_cast<std::uint32_t>(to_float(Float16{halves[i]}));
      differ += std::bit_cast<std::uint32_t>(wide_b[i]) != std::bit_cast<std::uint32_t>(to_float(BFloat16{halves[i]}));
    }
    CHECK(differ == 0);
    std::vector<std::uint16_t> narrow(floats.size()), narrow_b(floats.size());
    kernels->half.narrow_f16(floats.data(), narrow.data(), floats.size());
    kernels->half.narrow_bf16(floats.data(), narrow_b.data(), floats.size());
    for (std::size_t i = 0; i < floats.size(); ++i)
      differ += narrow[i] != to_float16(floats[i]).bits || narrow_b[i] != to_bfloat16(floats[i]).bits;
    CHECK(differ == 0);
  }
}
