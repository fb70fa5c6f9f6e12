// Conv, ConvTranspose, Gemm and MatMul by numbers worked by hand: the references, and every candidate on every target.
#include <doctest/doctest.h>

#include "coverslip/ops/registry.hpp"
#include "sample.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

using Dims = std::vector<Dim>;

Operand value(Tensor t) {
  Operand operand = given(std::move(t));
  operand.kind = Operand::Kind::Data;
  return operand;
}

// All numbers are small integers and their halves, so that every order of summation gives the same bits.
void check(const Case& c, const Tensor& want) {
  const Sample sample(*find_op(c.op), c);
  const auto equal = [&](const View& got) {
    bool same = got.shape() == want.shape();
    for_each(got.held(), [&](const Index& at) {
      const float a = *got.as<float>(at), b = *want.view().as<float>(at);
      same = same && (a == b || (std::isnan(a) && std::isnan(b)));
    });
    return same;
  };
  CHECK(equal(sample.reference().view()));
  for (const KernelTable* kernels : supported_kernels()) {
    const auto steps = sample.candidates(*kernels);
    CHECK(!steps.empty());
    for (const Step& step : steps) {
      INFO(kernels->name << " " << step.kernel);
      CHECK(equal(sample.run(step, Box(want.shape()), Room::Padded).view));
    }
  }
}

Errc refused(const Case& c) {
  try {
    const Sample sample(*find_op(c.op), c);
  } catch (const Error& error) {
    CHECK(!error.message().empty());
    return error.code();
  }
  FAIL("was accepted");
  return Errc::Busy;
}

const Tensor kTwelve({1, 2, 2, 3}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f, 9.f, 10.f, 11.f, 12.f});

}  // namespace

TEST_CASE("Conv pads, strides and adds its bias") {
  const Tensor w({2, 2, 1, 2}, {1.f, 10.f, 0.f, 100.f, 0.f, 0.f, -1.f, 0.f});
  check({"Conv",
         {{"pads", Dims{0, 0, 0, 1}}, {"strides", Dims{1, 2}}},
         {value(kTwelve), given(w), given(Tensor({2}, {0.5f, 0.f}))}},
        Tensor({1, 2, 2, 2}, {821.5f, 3.5f, 1154.5f, 6.5f, -7.f, -9.f, -10.f, -12.f}));
}

TEST_CASE("Conv with dilation skips inputs") {
  check({"Conv",
         {{"dilations", Dims{2}}},
         {value(Tensor({1, 1, 4}, {1.f, 2.f, 3.f, 4.f})), given(Tensor({1, 1, 2}, {1.f, 10.f}))}},
        Tensor({1, 1, 2}, {31.f, 42.f}));
}

TEST_CASE("Conv pads the same at the end or at the beginning as auto_pad says") {
  const Operand x = value(Tensor({1, 1, 4}, {1.f, 2.f, 3.f, 4.f})), w = given(Tensor({1, 1, 2}, {1.f, 10.f}));
  check({"Conv", {{"auto_pad", std::string("SAME_UPPER")}}, {x, w}}, Tensor({1, 1, 4}, {21.f, 32.f, 43.f, 4.f}));
  check({"Conv", {{"auto_pad", std::string("SAME_LOWER")}}, {x, w}}, Tensor({1, 1, 4}, {10.f, 21.f, 32.f, 43.f}));
  check({"Conv", {{"auto_pad", std::string("VALID")}}, {x, w}}, Tensor({1, 1, 3}, {21.f, 32.f, 43.f}));
}

TEST_CASE("Conv keeps groups apart") {
  check({"Conv",
         {{"group", Dim{2}}},
         {value(Tensor({1, 2, 1, 2}, {1.f, 2.f, 3.f, 4.f})), given(Tensor({2, 1, 1, 1}, {10.f, 100.f}))}},
        Tensor({1, 2, 1, 2}, {10.f, 20.f, 300.f, 400.f}));
  const Tensor w({4, 1, 1, 1}, {1.f, 10.f, 2.f, 20.f});  // two filters for each channel
  check({"Conv", {{"group", Dim{2}}}, {value(Tensor({1, 2, 1, 1}, {3.f, 5.f})), given(w)}},
        Tensor({1, 4, 1, 1}, {3.f, 30.f, 10.f, 100.f}));
}

TEST_CASE("Conv adds a residual before its activation") {
  const Operand x = value(Tensor({1, 1, 1, 3}, {-1.f, 2.f, 5.f})), w = given(Tensor({1, 1, 1, 1}, {2.f}));
  const Operand b = given(Tensor({1}, {1.f})), residual = value(Tensor({1, 1, 1, 3}, {0.f, -10.f, 1.f}));
  const auto act = [](const char* name, float alpha, float beta) {
    return Attributes{{"activation", std::string(name)}, {"activation_alpha", alpha}, {"activation_beta", beta}};
  };
  check({"Conv", {}, {x, w, b, residual}}, Tensor({1, 1, 1, 3}, {-1.f, -5.f, 12.f}));
  check({"Conv", act("Clip", -2, 6), {x, w, b, residual}}, Tensor({1, 1, 1, 3}, {-1.f, -2.f, 6.f}));
  check({"Conv", act("LeakyRelu", 0.5f, 0), {x, w, b, residual}}, Tensor({1, 1, 1, 3}, {-0.5f, -2.5f, 12.f}));
  check({"Conv", act("HardSigmoid", 0.25f, 0.5f), {x, w, b, residual}}, Tensor({1, 1, 1, 3}, {0.25f, 0.f, 1.f}));
  check({"Conv", act("Relu", 0, 0), {x, w, absent(), residual}}, Tensor({1, 1, 1, 3}, {0.f, 0.f, 11.f}));
}

TEST_CASE("what is not a number stays so through Conv and its activation") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const char* name : {"Relu", "Clip", "LeakyRelu", "Sigmoid"})
    check({"Conv",
           {{"activation", std::string(name)}, {"activation_alpha", 0.0f}, {"activation_beta", 1.0f}},
           {value(Tensor({1, 1, 1, 2}, {nan, 0.f})), given(Tensor({1, 1, 1, 1}, {1.f}))}},
          Tensor({1, 1, 1, 2}, {nan, name == std::string("Sigmoid") ? 0.5f : 0.f}));
}

TEST_CASE("ConvTranspose lays windows side by side where stride and window are the same") {
  const Tensor x({1, 1, 2, 2}, {1.f, 2.f, 3.f, 4.f}), w({1, 1, 2, 2}, {1.f, 10.f, 100.f, 1000.f});
  check({"ConvTranspose", {{"strides", Dims{2, 2}}}, {value(x), given(w), given(Tensor({1}, {0.5f}))}},
        Tensor({1, 1, 4, 4}, {1.5f, 10.5f, 2.5f, 20.5f, 100.5f, 1000.5f, 200.5f, 2000.5f, 3.5f, 30.5f, 4.5f, 40.5f,
                              300.5f, 3000.5f, 400.5f, 4000.5f}));
}

TEST_CASE("ConvTranspose adds where windows overlap, cuts pads off and pads the output") {
  const Operand x = value(Tensor({1, 1, 3}, {1.f, 2.f, 3.f})), w = given(Tensor({1, 1, 3}, {1.f, 10.f, 100.f}));
  check({"ConvTranspose", {}, {x, w}}, Tensor({1, 1, 5}, {1.f, 12.f, 123.f, 230.f, 300.f}));
  check({"ConvTranspose", {{"pads", Dims{1, 1}}}, {x, w}}, Tensor({1, 1, 3}, {12.f, 123.f, 230.f}));
  check({"ConvTranspose", {{"strides", Dims{2}}}, {x, w}},
        Tensor({1, 1, 7}, {1.f, 10.f, 102.f, 20.f, 203.f, 30.f, 300.f}));
  check({"ConvTranspose", {{"strides", Dims{2}}, {"pads", Dims{1, 1}}, {"output_padding", Dims{1}}}, {x, w}},
        Tensor({1, 1, 6}, {10.f, 102.f, 20.f, 203.f, 30.f, 300.f}));
  check({"ConvTranspose", {{"dilations", Dims{2}}}, {x, w}},
        Tensor({1, 1, 7}, {1.f, 2.f, 13.f, 20.f, 130.f, 200.f, 300.f}));
}

TEST_CASE("ConvTranspose makes the output that auto_pad or output_shape says, also where no window reaches") {
  const Operand x = value(Tensor({1, 1, 2}, {1.f, 2.f})), w = given(Tensor({1, 1, 2}, {1.f, 10.f}));
  const auto shaped = [](const char* rule, Dim outputs) {
    return Attributes{{"auto_pad", std::string(rule)}, {"strides", Dims{2}}, {"output_shape", Dims{outputs}}};
  };
  // All of it is 1, 10, 2, 20. Of an odd element too many SAME_UPPER cuts the last, all others the first.
  check({"ConvTranspose", shaped("SAME_UPPER", 3), {x, w}}, Tensor({1, 1, 3}, {1.f, 10.f, 2.f}));
  check({"ConvTranspose", shaped("SAME_LOWER", 3), {x, w}}, Tensor({1, 1, 3}, {10.f, 2.f, 20.f}));
  check({"ConvTranspose", shaped("NOTSET", 3), {x, w}}, Tensor({1, 1, 3}, {10.f, 2.f, 20.f}));
  // Where there is room to spare zeros go on both sides, of an odd number one more to the other side.
  check({"ConvTranspose", shaped("NOTSET", 6), {x, w}}, Tensor({1, 1, 6}, {0.f, 1.f, 10.f, 2.f, 20.f, 0.f}));
  check({"ConvTranspose", shaped("SAME_UPPER", 7), {x, w}}, Tensor({1, 1, 7}, {0.f, 0.f, 1.f, 10.f, 2.f, 20.f, 0.f}));
  check({"ConvTranspose", shaped("SAME_LOWER", 7), {x, w}}, Tensor({1, 1, 7}, {0.f, 1.f, 10.f, 2.f, 20.f, 0.f, 0.f}));
  check({"ConvTranspose", {{"auto_pad", std::string("SAME_LOWER")}, {"strides", Dims{3}}}, {x, w}},
        Tensor({1, 1, 6}, {1.f, 10.f, 0.f, 2.f, 20.f, 0.f}));
  check({"ConvTranspose", {{"auto_pad", std::string("VALID")}, {"pads", Dims{1, 1}}}, {x, w}},
        Tensor({1, 1, 3}, {1.f, 12.f, 20.f}));
}

TEST_CASE("Conv reads zeros where padding is wider than its window, and skips where its stride is") {
  const Operand w = given(Tensor({1, 1, 2}, {1.f, 10.f}));
  check({"Conv", {{"pads", Dims{3, 2}}}, {value(Tensor({1, 1, 1}, {5.f})), w, given(Tensor({1}, {1.f}))}},
        Tensor({1, 1, 5}, {1.f, 1.f, 51.f, 6.f, 1.f}));
  const Operand line = value(Tensor({1, 1, 5}, {1.f, 2.f, 3.f, 4.f, 5.f}));
  check({"Conv", {{"strides", Dims{3}}}, {line, w}}, Tensor({1, 1, 2}, {21.f, 54.f}));
  // Taps lie 3 apart: SAME pads 3, of which SAME_LOWER puts 2 in front.
  const Attributes lower{{"auto_pad", std::string("SAME_LOWER")}, {"dilations", Dims{3}}};
  check({"Conv", lower, {line, w}}, Tensor({1, 1, 5}, {20.f, 30.f, 41.f, 52.f, 3.f}));
  const Attributes upper{{"auto_pad", std::string("SAME_UPPER")}, {"dilations", Dims{3}}};
  check({"Conv", upper, {line, w}}, Tensor({1, 1, 5}, {30.f, 41.f, 52.f, 3.f, 4.f}));
}

TEST_CASE("of no samples there are no outputs") {
  check({"Conv", {}, {value(Tensor({DType::f32, {0, 1, 3}})), weights({2, 1, 2})}}, Tensor({DType::f32, {0, 2, 2}}));
  check({"ConvTranspose", {}, {value(Tensor({DType::f32, {0, 1, 3}})), weights({1, 2, 2})}},
        Tensor({DType::f32, {0, 2, 4}}));
}

TEST_CASE("Gemm transposes, scales and broadcasts C") {
  const Operand a = value(Tensor({2, 3}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f})),
                a_t = value(Tensor({3, 2}, {1.f, 4.f, 2.f, 5.f, 3.f, 6.f}));
  const Tensor b({3, 2}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f}), b_t({2, 3}, {1.f, 3.f, 5.f, 2.f, 4.f, 6.f}),
      row({2}, {1.f, -1.f});
  const Attributes scaled{{"alpha", 0.5f}, {"beta", 2.0f}};
  const Tensor want({2, 2}, {13.f, 12.f, 26.5f, 30.f});
  check({"Gemm", scaled, {a, given(b), given(row)}}, want);
  Attributes transposed = scaled;
  transposed["transA"] = transposed["transB"] = Dim{1};
  check({"Gemm", transposed, {a_t, given(b_t), value(row)}}, want);
  check({"Gemm", {{"transB", Dim{1}}}, {a, value(b_t)}}, Tensor({2, 2}, {22.f, 28.f, 49.f, 64.f}));
  check({"Gemm", {}, {a, given(b), given(Tensor({2, 1}, {100.f, 200.f}))}},
        Tensor({2, 2}, {122.f, 128.f, 249.f, 264.f}));
  check({"Gemm",
         {{"activation", std::string("Relu")}},
         {a, given(b), given(row), value(Tensor({2, 2}, {0.f, 1.f, -99.f, 0.f}))}},
        Tensor({2, 2}, {23.f, 28.f, 0.f, 63.f}));
}

TEST_CASE("MatMul broadcasts leading axes and takes vectors") {
  const Tensor a({2, 1, 2}, {1.f, 2.f, 3.f, 4.f}), b({2, 2}, {1.f, 10.f, 100.f, 1000.f}), v({2}, {1.f, 10.f});
  check({"MatMul", {}, {value(a), given(b)}}, Tensor({2, 1, 2}, {201.f, 2010.f, 403.f, 4030.f}));
  check({"MatMul", {}, {value(a), value(v)}}, Tensor({2, 1}, {21.f, 43.f}));
  check({"MatMul", {}, {value(v), given(b)}}, Tensor({2}, {1001.f, 10010.f}));
}

TEST_CASE("a convolution that does not fit is refused") {
  const Operand x = data({1, 4, 5, 5});
  CHECK(refused({"Conv", {}, {x, weights({2, 3, 3, 3})}}) == Errc::BadShape);
  CHECK(refused({"Conv", {{"group", Dim{3}}}, {x, weights({3, 1, 3, 3})}}) == Errc::BadShape);
  CHECK(refused({"Conv", {{"group", Dim{0}}}, {x, weights({2, 4, 3, 3})}}) == Errc::BadModel);
  CHECK(refused({"Conv", {}, {x, weights({2, 4, 6, 1})}}) == Errc::BadShape);
  CHECK(refused({"Conv", {}, {x, weights({2, 4, 3})}}) == Errc::BadShape);
  CHECK(refused({"Conv", {}, {x, weights({2, 4, 3, 3}), weights({3})}}) == Errc::BadShape);
  CHECK(refused({"Conv", {}, {x, weights({2, 4, 3, 3}), absent(), data({1, 2, 3, 4})}}) == Errc::BadShape);
  CHECK(refused({"Conv", {{"strides", Dims{1}}}, {x, weights({2, 4, 3, 3})}}) == Errc::BadModel);
  CHECK(refused({"Conv", {{"strides", Dims{1, 0}}}, {x, weights({2, 4, 3, 3})}}) == Errc::BadModel);
  CHECK(refused({"Conv", {{"pads", Dims{0, 0, 0, Dim{1} << 62}}}, {x, weights({2, 4, 3, 3})}}) == Errc::BadModel);
  CHECK(refused({"Conv", {{"kernel_shape", Dims{3, 2}}}, {x, weights({2, 4, 3, 3})}}) == Errc::BadModel);
  CHECK(refused({"Conv", {{"activation", std::string("Softplus")}}, {x, weights({2, 4, 3, 3})}}) == Errc::Unsupported);
  CHECK(refused({"ConvTranspose", {}, {x, weights({3, 4, 2, 2})}}) == Errc::BadShape);
  CHECK(refused({"ConvTranspose", {{"pads", Dims{9, 9, 9, 9}}}, {x, weights({4, 4, 2, 2})}}) == Errc::BadShape);
  CHECK(refused({"Gemm", {}, {data({2, 3}), weights({2, 3})}}) == Errc::BadShape);
  CHECK(refused({"MatMul", {}, {data({2, 3}), weights({2, 3})}}) == Errc::BadShape);
}

}  // namespace v0
}  // namespace coverslip
