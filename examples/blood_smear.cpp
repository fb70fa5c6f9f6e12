// Reads a blood smear: segments red cells, white cells and platelets with three U-Nets, counts them, classifies the
// white cells with a DenseNet-121, and draws what was found.
#include <array>
#include <chrono>
#include <filesystem>

#include "blood_smear/picture.hpp"
#include "coverslip/image/decode.hpp"
#include "coverslip/image/encode.hpp"
#include "program.hpp"

namespace coverslip::example {
namespace {

constexpr const char* kUsage =
    "usage: blood_smear [OPTIONS] [FOLDER [PICTURE [OUTPUT]]]\n"
    "\n"
    "Reads the blood smear PICTURE (FOLDER/test.jpg) with the networks rbc.slip, wbc.slip, plt.slip and "
    "densenet121.slip\n"
    "of FOLDER (build/demo), prints what was found, and draws it into OUTPUT (FOLDER/smear.png).\n"
    "\n"
    "  --probability FILE   also write the red cells' probability times 255, rounded down, as PNG\n"
    "  --threads N          as many threads (as many as this machine grants)\n";

struct Arguments {
  std::string folder = "build/demo", picture, output, probability;
  Options options;
};

Arguments parse(int argc, char** argv) {
  Arguments a;
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::string(argv[++i]) : throw Usage{}; };
    if (word == "--probability") {
      a.probability = value();
    } else if (word == "--threads") {
      a.options.threads = number(value());
    } else if (word.starts_with("-")) {
      throw Usage{};
    } else {
      words.push_back(word);
    }
  }
  if (words.size() > 3) throw Usage{};
  if (!words.empty()) a.folder = words[0];
  a.picture = words.size() > 1 ? words[1] : a.folder + "/test.jpg";
  a.output = words.size() > 2 ? words[2] : a.folder + "/smear.png";
  return a;
}

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// Runs one U-Net, prints how long it took.
void segment_cells(const Arguments& a, const char* file, const char* what, const Image& picture,
                   std::span<Map* const> maps) {
  const auto begin = Clock::now();
  const Model model = Model::load(a.folder + "/" + file);
  {
    const Progress progress(what, tiles_of(picture).size());
    segment(model, a.options, picture, maps, [&](std::size_t done) { progress.show(done); });
  }
  std::printf("  %-12s %6.1f s\n", what, seconds_since(begin));
}

Probabilities segment_all(const Arguments& a, const Image& picture) {
  const Map blank(picture.width, picture.height);
  Probabilities p{blank, blank, blank, blank};
  std::printf("Segmenting %zu tiles of 188x188 pixels\n", tiles_of(picture).size());
  segment_cells(a, "rbc.slip", "red cells", picture, std::array{&p.red, &p.red_edge});
  segment_cells(a, "wbc.slip", "white cells", picture, std::array{&p.white});
  segment_cells(a, "plt.slip", "platelets", picture, std::array{&p.platelets});
  return p;
}

void classify_all(const Arguments& a, const Image& picture, Reading& reading) {
  if (reading.white.items.empty()) return;
  const auto begin = Clock::now();
  Session session(Model::load(a.folder + "/densenet121.slip"), a.options);
  for (const Component& cell : reading.white.items) reading.white_cells.push_back(classify(session, picture, cell));
  std::printf("Classifying %zu white cells: %.1f s\n", reading.white_cells.size(), seconds_since(begin));
}

void print(const Reading& reading) {
  std::printf("\nFound\n  red cells   %6zu\n  white cells %6zu\n  platelets   %6zu\n", reading.red.items.size(),
              reading.white.items.size(), reading.platelets.items.size());
  for (std::size_t i = 0; i < reading.white_cells.size(); ++i) {
    const WhiteCell& cell = reading.white_cells[i];
    const Component& where = reading.white.items[i];
    std::printf("White cell W%zu at %.0f, %.0f:", i + 1, where.x, where.y);
    for (std::size_t k = 0; k < std::min<std::size_t>(3, cell.shares.size()); ++k)
      std::printf(" %s %.1f%%,", plain(cell.shares[k].label).c_str(),
                  100.0 * static_cast<double>(cell.shares[k].probability));
    std::printf(" no blood cell %.1f%%\n", 100.0 * static_cast<double>(cell.others));
  }
}

Image probability_picture(const Map& map) {
  Image image(map.width, map.height, 1);
  for (std::size_t i = 0; i < map.values.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(std::clamp(map.values[i], 0.0f, 1.0f) * 255.0f);
  return image;
}

void read_smear(const Arguments& a) {
  const auto begin = Clock::now();
  const Image decoded = load_image(a.picture);
  Image picture(decoded.width, decoded.height, 3);
  paste(picture, decoded, 0, 0);  // grey becomes colour
  std::printf("%s: %d x %d pixels\n", plain(a.picture).c_str(), picture.width, picture.height);
  const Probabilities probabilities = segment_all(a, picture);
  Reading reading = find_cells(probabilities);
  classify_all(a, picture, reading);
  const double seconds = seconds_since(begin);
  print(reading);
  if (!a.probability.empty()) save_image(probability_picture(probabilities.red), a.probability);
  const std::string name = std::filesystem::path(a.picture).filename().string();
  const std::string about = format("%s, %d x %d pixels, read by three U-Nets and a DenseNet-121",
                                   name.substr(0, 60).c_str(), picture.width, picture.height);
  save_image(draw_reading(picture, reading, {"Blood smear", about}), a.output);
  std::printf("\nRead in %.1f s. The picture of it: %s\n", seconds, plain(a.output).c_str());
}

}  // namespace
}  // namespace coverslip::example

int main(int argc, char** argv) {
  using namespace coverslip::example;
  return run(kUsage, [&] { read_smear(parse(argc, argv)); });
}
