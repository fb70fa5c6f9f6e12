// Options.precision: products in bfloat16 where the target has them, else float32 and a sentence.
#include <cmath>

#include "coverslip/ops/op.hpp"
#include "small_network.hpp"
using namespace coverslip;

namespace {

const TensorType kMap{DType::f32, {1, 64, 48, 48}};
const TensorType kLargeMap{DType::f32, {1, 32, 160, 160}};

Tensor weights(const Shape& shape) {
  Tensor t = ramp({DType::f32, shape});
  for (float& x : t.values<float>()) x = 0.01f * std::sin(x);
  return t;
}

// Big enough that its products are predicted to be faster in bfloat16.
Graph network() {
  Graph g;
  ValueId v = g.input(kMap);
  v = g.append("Conv", "wide", {v, g.constant(weights({96, 64, 3, 3})), g.constant(weights({96}))},
               {{"pads", std::vector<Dim>{1, 1, 1, 1}}, {"activation", std::string("Relu")}});
  v = g.append("Conv", "point", {v, g.constant(weights({80, 96, 1, 1}))});
  v = g.append("GlobalAveragePool", "mean", {v});
  v = g.append("Flatten", "row", {v});
  g.outputs = {g.append("Gemm", "classes", {v, g.constant(weights({80, 7}))})};
  return g;
}

// A small U-Net whose values are beyond a core's cache: a pool, a skip connection, norms, a residual.
Graph network_of_large_maps() {
  const Attributes same{{"pads", std::vector<Dim>{1, 1, 1, 1}}, {"activation", std::string("Relu")}};
  const Attributes twice{{"strides", std::vector<Dim>{2, 2}}};
  Graph g;
  const auto all = [&](Dim channels, float x) {
    Tensor t({DType::f32, {channels}});
    for (float& value : t.values<float>()) value = x;
    return g.constant(t);
  };
  const auto norm = [&](const char* name, ValueId v, Dim n, Attributes attributes) {
    return g.append("BatchNormalization", name, {v, all(n, 3.0f), all(n, 0.1f), all(n, 0.01f), all(n, 2.0f)},
                    std::move(attributes));
  };
  const auto conv = [&](const char* name, ValueId v, Dim from, Dim to) {
    return g.append("Conv", name, {v, g.constant(weights({to, from, 3, 3}))}, same);
  };
  const ValueId fine = conv("fine", g.input(kLargeMap), 32, 32);
  ValueId v = g.append("MaxPool", "pool", {fine}, {{"kernel_shape", std::vector<Dim>{2, 2}}, *twice.begin()});
  v = conv("coarse", v, 32, 64);
  v = g.append("ConvTranspose", "up", {v, g.constant(weights({64, 32, 2, 2}))}, twice);
  v = g.append("Concat", "skip", {fine, v}, {{"axis", Dim{1}}});
  v = norm("norm", v, 64, {});
  v = conv("joined", v, 64, 32);
  v = g.append("Add", "residual", {v, fine});
  v = norm("scales", v, 32, {{"activation", std::string("Relu")}});
  v = g.append("Conv", "mixed", {v, g.constant(weights({32, 32, 1, 1}))});
  g.outputs = {g.append("Conv", "head", {v, g.constant(weights({2, 32, 1, 1}))})};
  return g;
}

// Few channels and many places, as in a MeshNet. A dilation of 0: one tap.
Graph network_of_five_channels(const Shape& x, std::initializer_list<Dim> dilations) {
  Graph g;
  ValueId v = g.input({DType::f32, x});
  Dim channels = 1;
  for (const Dim dilation : dilations) {
    const Dim next = dilation > 0 ? 5 : 3, taps = dilation > 0 ? 3 : 1;
    const ValueId w = g.constant(weights({next, channels, taps, taps, taps}));
    v = g.append(
        "Conv", "conv" + std::to_string(dilation), {v, w},
        {{"pads", std::vector<Dim>(6, dilation)}, {"dilations", std::vector<Dim>(3, std::max<Dim>(dilation, 1))}});
    channels = next;
  }
  g.outputs = {v};
  return g;
}

Tensor waves(const TensorType& type = kMap) {
  Tensor t = ramp(type);
  for (float& x : t.values<float>()) x = std::sin(x);
  return t;
}

struct Difference {
  double largest = 0, apart = 0;  // number of `exact`, and distance from it
};

Difference difference(const Tensor& y, const Tensor& exact) {
  const auto got = y.values<float>(), want = exact.values<float>();
  REQUIRE(got.size() == want.size());
  Difference most;
  for (std::size_t i = 0; i < got.size(); ++i) {
    most.largest = std::max(most.largest, std::abs(double{want[i]}));
    most.apart = std::max(most.apart, std::abs(double{got[i]} - double{want[i]}));
  }
  return most;
}

}  // namespace

TEST_CASE("bfloat16 is exact enough, the same for any threads and memory, and said") {
  const Model model(network());
  const Tensor x = waves();
  for (const KernelTable* kernels : supported_kernels()) {
    if (!has_bf16(*kernels)) continue;
    CAPTURE(std::string(kernels->name));
    const auto target = static_cast<Target>(std::ranges::find(kTargetNames, kernels->name) - std::begin(kTargetNames));
    const Options options{.threads = 1, .precision = Precision::Bfloat16, .target = target};
    Session session(model, options);
    CHECK(session.precision() == Precision::Bfloat16);
    CHECK(session.note().empty());
    CHECK(session.describe().find("_bf16") != std::string::npos);
    CHECK(session.describe().find("precision: bfloat16") != std::string::npos);
    const Tensor y = session.run(x), exact = Session(model, {.threads = 1, .target = target}).run(x);
    const auto [largest, apart] = difference(y, exact);
    CHECK(apart > 0);
    CHECK(apart < largest / 16);
    Options more = options;
    more.threads = 3;
    CHECK(same_bits(Session(model, more).run(x), y));
    more.max_memory = session.memory().peak() * 9 / 10;
    more.threads = 1;
    CHECK(same_bits(Session(model, more).run(x), y));
  }
}

TEST_CASE("values beyond the caches stay bfloat16 between steps, with the same bits for any threads and memory") {
  const Model model(network_of_large_maps());
  const Tensor x = waves(kLargeMap);
  for (const KernelTable* kernels : supported_kernels()) {
    if (!has_bf16(*kernels)) continue;
    CAPTURE(std::string(kernels->name));
    const bool tiles = kernels->gemm_bf16.tiles != nullptr;  // products that read and make narrow values
    const auto target = static_cast<Target>(std::ranges::find(kTargetNames, kernels->name) - std::begin(kTargetNames));
    const Options options{.threads = 1, .precision = Precision::Bfloat16, .target = target};
    Session session(model, options), wide(model, {.threads = 1, .target = target});
    const bool narrow = session.describe().find("bf16 1x32x160x160") != std::string::npos;
    CHECK((narrow || !tiles));  // without tiles f32 is nearly as quick, and may be chosen
    CHECK((session.describe().find("conv_pointwise_bf16_scaled") != std::string::npos) == tiles);
    CHECK(wide.describe().find("bf16 ") == std::string::npos);
    const Tensor y = session.run(x), exact = wide.run(x);
    REQUIRE(y.type() == exact.type());
    const auto [largest, apart] = difference(y, exact);
    CHECK((apart > 0 || !narrow));
    CHECK(apart < largest / 16);
    for (const int threads : {2, 3, 16}) {
      Options more = options;
      more.threads = threads;
      CHECK(same_bits(Session(model, more).run(x), y));
    }
    Options less = options;
    less.max_memory = session.memory().peak() - 1;  // so without chains
    try {
      const Tensor limited = Session(model, less).run(x);
      CHECK(same_bits(limited, y));
    } catch (const Error& error) {  // chains take the least
      CHECK(!tiles);
      CHECK(error.message().starts_with("this needs at least " + std::to_string(session.memory().peak()) + " bytes"));
    }
  }
}

TEST_CASE("asking for bfloat16 changes nothing where it would bring little") {
  const Model model(network_of_five_channels({1, 1, 64, 64, 64}, {2, 4, 2, 0}));
  for (const KernelTable* kernels : supported_kernels()) {
    if (!has_bf16(*kernels)) continue;
    CAPTURE(kernels->name);
    const auto target = static_cast<Target>(std::ranges::find(kTargetNames, kernels->name) - std::begin(kTargetNames));
    CHECK(Session(model, {.precision = Precision::Bfloat16, .target = target}).describe().find("bf16") ==
          std::string::npos);
  }
}

TEST_CASE("large values of few channels stay bfloat16, in half the memory, though products are in float32") {
  const TensorType map{DType::f32, {1, 1, 56, 122, 125}};
  const Model model(network_of_five_channels(map.shape, {1, 2, 4, 2, 1, 0}));
  const Tensor x = waves(map);
  for (const KernelTable* kernels : supported_kernels()) {
    if (!has_bf16(*kernels)) continue;
    CAPTURE(std::string(kernels->name));
    const auto target = static_cast<Target>(std::ranges::find(kTargetNames, kernels->name) - std::begin(kTargetNames));
    const Options options{.threads = 1, .precision = Precision::Bfloat16, .target = target};
    Session session(model, options), wide(model, {.threads = 1, .target = target});
    CHECK(session.describe().find("bf16 1x5x56x122x125") != std::string::npos);
    CHECK(session.describe().find("f32 1x5x56x122x125") == std::string::npos);
    CHECK(session.describe().find("_bf16") == std::string::npos);
    CHECK(session.memory().values <= wide.memory().values / 2 + 2 * kAlign);
    const Tensor y = session.run(x), exact = wide.run(x);
    const auto [largest, apart] = difference(y, exact);
    CHECK(apart > 0);
    CHECK(apart < largest / 16);
    Options other = options;
    other.threads = 3;
    CHECK(same_bits(Session(model, other).run(x), y));
    other.max_memory = session.memory().peak() * 3 / 4;
    CHECK(same_bits(Session(model, other).run(x), y));
  }
}

TEST_CASE("without products in bfloat16 a Session computes in float32, and a sentence says so") {
  const Model model(network());
  const Tensor x = waves();
  for (const KernelTable* kernels : supported_kernels()) {
    if (has_bf16(*kernels)) continue;
    CAPTURE(std::string(kernels->name));
    const auto target = static_cast<Target>(std::ranges::find(kTargetNames, kernels->name) - std::begin(kTargetNames));
    Session session(model, {.precision = Precision::Bfloat16, .target = target});
    CHECK(session.precision() == Precision::Float32);
    CHECK(session.note().find("float32") != std::string::npos);
    CHECK(session.describe().find(session.note()) != std::string::npos);
    CHECK(same_bits(session.run(x), Session(model, {.target = target}).run(x)));
    CHECK(Session(session).note() == session.note());
  }
  CHECK(Session(model).note().empty());
}
