// Classifies pictures: prints the most probable classes of each.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "coverslip/coverslip.hpp"
#include "coverslip/image/decode.hpp"
#include "program.hpp"

namespace coverslip::example {
namespace {

constexpr const char* kUsage =
    "usage: classify MODEL.slip PICTURE...\n"
    "\n"
    "Prints the five most probable classes of each picture (PNG or JPEG). The model file says how pictures are "
    "prepared\n"
    "and how its classes are called.\n";

// Scores that are no probabilities yet become such: softmax.
std::vector<float> probabilities(std::span<const float> scores) {
  std::vector<float> p(scores.begin(), scores.end());
  const float sum = std::accumulate(p.begin(), p.end(), 0.0f);
  const bool are =
      std::all_of(p.begin(), p.end(), [](float x) { return x >= 0 && x <= 1; }) && std::abs(sum - 1) < 1e-3f;
  if (are || p.empty()) return p;
  const float most = *std::max_element(p.begin(), p.end());
  float total = 0;
  for (float& x : p) total += x = std::exp(x - most);
  for (float& x : p) x /= total;
  return p;
}

void classify(Session& session, const std::string& path) {
  const Model& model = session.model();
  const Tensor scores = session.run(model.preprocess()(load_image(path)));
  if (scores.shape().rank() != 2)
    throw Error(Errc::BadInput, "model", "is no classifier: it gives ", scores.type(),
                ", not one score for each class");
  const std::vector<float> p = probabilities(scores.values<float>());
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] > p[b]; });
  std::printf("%s\n", plain(path).c_str());
  for (std::size_t i = 0; i < std::min<std::size_t>(5, order.size()); ++i)
    std::printf("  %6.2f %%  %s\n", 100.0 * static_cast<double>(p[order[i]]), plain(model.label(order[i])).c_str());
}

void classify_all(int argc, char** argv) {
  if (argc < 3 || argv[1][0] == '-') throw Usage{};
  Session session(Model::load(argv[1]));
  for (int i = 2; i < argc; ++i) classify(session, argv[i]);
}

}  // namespace
}  // namespace coverslip::example

int main(int argc, char** argv) {
  using namespace coverslip::example;
  return run(kUsage, [&] { classify_all(argc, argv); });
}
