// Operators that move whole windows or blocks of a picture, in numbers worked by hand or taken from ONNX's text.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

using List = std::vector<Dim>;

Tensor counted(const Shape& shape, float from = 0) {
  Tensor t({DType::f32, shape});
  for (float& x : t.values<float>()) x = from++;
  return t;
}

}  // namespace

TEST_CASE("DepthToSpace takes blocks from channels, in either order") {
  const Tensor x({1, 8, 1, 1}, {0.f, 1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f});
  CHECK(same_numbers(answer("DepthToSpace", {{"blocksize", Dim{2}}}, {x}),
                     Tensor({1, 2, 2, 2}, {0.f, 2.f, 4.f, 6.f, 1.f, 3.f, 5.f, 7.f})));
  CHECK(same_numbers(answer("DepthToSpace", {{"blocksize", Dim{2}}, {"mode", std::string("CRD")}}, {x}),
                     Tensor({1, 2, 2, 2}, {0.f, 1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f})));
  CHECK(refusal("DepthToSpace", {{"blocksize", Dim{3}}}, {data({1, 8, 1, 1})}) == Errc::BadShape);
  CHECK(refusal("DepthToSpace", {}, {data({1, 8, 1, 1})}) == Errc::BadModel);
}

TEST_CASE("SpaceToDepth is the way back") {
  const Tensor x({1, 1, 2, 4}, {0.f, 1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f});
  CHECK(same_numbers(answer("SpaceToDepth", {{"blocksize", Dim{2}}}, {x}),
                     Tensor({1, 4, 1, 2}, {0.f, 2.f, 1.f, 3.f, 4.f, 6.f, 5.f, 7.f})));
  for (const char* mode : {"DCR", "CRD"}) {
    const Attributes attributes{{"blocksize", Dim{2}}, {"mode", std::string(mode)}};
    const Tensor deep = counted({2, 8, 2, 3, 1});
    CHECK(same_numbers(answer("SpaceToDepth", attributes, {answer("DepthToSpace", attributes, {deep})}), deep));
  }
  CHECK(refusal("SpaceToDepth", {{"blocksize", Dim{2}}}, {data({1, 8, 1, 2})}) == Errc::BadShape);
}

TEST_CASE("MaxUnpool puts numbers where the indices say, in the shape that the window implies") {
  const Attributes twice{{"kernel_shape", List{2, 2}}, {"strides", List{2, 2}}};
  const Tensor x({1, 1, 2, 2}, {1.f, 2.f, 3.f, 4.f});
  const Tensor places({1, 1, 2, 2}, std::initializer_list<std::int64_t>{5, 7, 13, 15});
  CHECK(same_numbers(answer("MaxUnpool", twice, {x, places}),
                     Tensor({1, 1, 4, 4}, {0.f, 0.f, 0.f, 0.f, 0.f, 1.f, 0.f, 2.f,  //
                                           0.f, 0.f, 0.f, 0.f, 0.f, 3.f, 0.f, 4.f})));
  CHECK(same_numbers(answer("MaxUnpool", twice, {x, places, integers({1, 1, 5, 5})}),
                     Tensor({1, 1, 5, 5}, {0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 1.f, 0.f, 2.f, 0.f, 0.f, 0.f, 0.f,
                                           0.f, 0.f, 0.f, 3.f, 0.f, 4.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f})));
  CHECK(refusal("MaxUnpool", twice, {data({1, 1, 2, 2}), data({1, 1, 2, 2})}) == Errc::BadShape);
}

TEST_CASE("Col2Im adds up blocks where they overlap") {
  // Blocks of 2 in a line of 3: columns are blocks, rows are places in a block.
  const Tensor x({1, 2, 2}, {1.f, 2.f, 10.f, 20.f});
  CHECK(same_numbers(answer("Col2Im", {}, {x, integers({3}), integers({2})}), Tensor({1, 1, 3}, {1.f, 12.f, 20.f})));
  CHECK(same_numbers(answer("Col2Im", {{"pads", List{1, 0}}}, {x, integers({2}), integers({2})}),
                     Tensor({1, 1, 2}, {12.f, 20.f})));
  CHECK(
      same_numbers(answer("Col2Im", {{"dilations", List{2}}, {"strides", List{1}}}, {x, integers({4}), integers({2})}),
                   Tensor({1, 1, 4}, {1.f, 2.f, 10.f, 20.f})));
  CHECK(refusal("Col2Im", {}, {data({1, 2, 3}), given(integers({3})), given(integers({2}))}) == Errc::BadShape);
}

TEST_CASE("AffineGrid of the map that moves nothing is the places themselves") {
  const Tensor same({1, 2, 3}, {1.f, 0.f, 0.f, 0.f, 1.f, 0.f});
  CHECK(same_numbers(answer("AffineGrid", {{"align_corners", Dim{1}}}, {same, integers({1, 1, 2, 3})}),
                     Tensor({1, 2, 3, 2}, {-1.f, -1.f, 0.f, -1.f, 1.f, -1.f, -1.f, 1.f, 0.f, 1.f, 1.f, 1.f})));
  CHECK(same_numbers(answer("AffineGrid", {}, {same, integers({1, 1, 2, 2})}),
                     Tensor({1, 2, 2, 2}, {-.5f, -.5f, .5f, -.5f, -.5f, .5f, .5f, .5f})));
  const Tensor moved({1, 2, 3}, {2.f, 0.f, 1.f, 0.f, -1.f, 0.f});
  CHECK(same_numbers(answer("AffineGrid", {}, {moved, integers({1, 1, 2, 1})}),
                     Tensor({1, 2, 1, 2}, {1.f, .5f, 1.f, -.5f})));
  CHECK(refusal("AffineGrid", {}, {data({1, 2, 3}), given(integers({1, 1, 2}))}) == Errc::BadShape);
}

TEST_CASE("CenterCropPad takes the middle, and the odd element is cut or added behind") {
  const Tensor x = counted({5}, 1);
  CHECK(same_numbers(answer("CenterCropPad", {}, {x, integers({2})}), list({2.f, 3.f})));
  CHECK(same_numbers(answer("CenterCropPad", {}, {x, integers({8})}), list({0.f, 1.f, 2.f, 3.f, 4.f, 5.f, 0.f, 0.f})));
  CHECK(same_numbers(answer("CenterCropPad", {{"axes", List{-1}}}, {counted({2, 3}), integers({1})}),
                     Tensor({2, 1}, {1.f, 4.f})));
  CHECK(refusal("CenterCropPad", {}, {data({2, 3}), given(integers({1}))}) == Errc::BadShape);
}

}  // namespace v0
}  // namespace coverslip
