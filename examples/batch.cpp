// Classifies many pictures in one run, where the network leaves the size of its batch free.
#include <algorithm>
#include <cstring>

#include "coverslip/coverslip.hpp"
#include "coverslip/image/decode.hpp"
#include "program.hpp"

namespace coverslip::example {
namespace {

constexpr const char* kUsage =
    "usage: batch MODEL.slip PICTURE...\n"
    "\n"
    "Classifies the pictures (PNG or JPEG) in one run. The model's first dimension must be free (or their number), and "
    "its\n"
    "pictures of one size. Each number of pictures is planned once; the Session keeps the last few plans.\n";

// The pictures of one shape behind each other: they are dense, so their bytes are.
Tensor stacked(const std::vector<Tensor>& pictures) {
  TensorType type = pictures.at(0).type();
  const std::size_t bytes = type.bytes();
  type.shape[0] = static_cast<Dim>(pictures.size());
  Tensor batch(type);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    if (pictures[i].type() != pictures[0].type())
      throw Error(Errc::BadShape, "picture " + std::to_string(i + 1), "is ", pictures[i].type(), ", the first is ",
                  pictures[0].type());
    std::memcpy(batch.data() + i * bytes, pictures[i].data(), bytes);
  }
  return batch;
}

void classify(int argc, char** argv) {
  if (argc < 3 || argv[1][0] == '-') throw Usage{};
  const Model model = Model::load(argv[1]);
  const Preprocess prepare = model.preprocess();
  std::vector<Tensor> pictures;
  for (int i = 2; i < argc; ++i) pictures.push_back(prepare(load_image(argv[i])));

  const Tensor scores = Session(model).run(stacked(pictures));
  const std::span<const float> values = scores.values<float>();
  const std::size_t classes = values.size() / pictures.size();
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const auto of_picture = values.subspan(i * classes, classes);
    const auto best = std::max_element(of_picture.begin(), of_picture.end()) - of_picture.begin();
    std::printf("%s: %s\n", plain(argv[i + 2]).c_str(), plain(model.label(static_cast<std::size_t>(best))).c_str());
  }
}

}  // namespace
}  // namespace coverslip::example

int main(int argc, char** argv) {
  using namespace coverslip::example;
  return run(kUsage, [&] { classify(argc, argv); });
}
