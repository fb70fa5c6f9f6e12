// Segments a picture: finds the class of each pixel, tile by tile where the network's size is fixed, and draws it.
#include "coverslip/coverslip.hpp"
#include "coverslip/image/decode.hpp"
#include "coverslip/image/draw.hpp"
#include "coverslip/image/encode.hpp"
#include "coverslip/image/tiles.hpp"
#include "program.hpp"

using namespace coverslip;

constexpr const char* kUsage =
    "usage: segment MODEL.slip PICTURE OVERLAY.png [CLASSES.png]\n\n"
    "Draws what the network found over a PNG or JPEG; CLASSES.png gets the class of each pixel as its grey level.\n"
    "With one channel, class 1 is where that is above 0.5; with more, each pixel has the class of the largest.\n";
constexpr Color kColors[] = {{230, 57, 70}, {0, 119, 182}, {42, 157, 63}, {244, 162, 0}, {131, 56, 236}};

// The class of each pixel of an answer.
static Image classes_of(const Tensor& answer, bool channels_last) {
  const Shape& shape = answer.shape();
  if (shape.rank() != 4) throw Error(Errc::Unsupported, "output", "wants 4 axes to be a mask, is ", answer.type());
  const std::size_t row = channels_last ? 1 : 2, channels = static_cast<std::size_t>(shape[channels_last ? 3 : 1]);
  Image classes(static_cast<int>(shape[row + 1]), static_cast<int>(shape[row]), 1);
  const auto values = answer.values<float>();
  for (std::size_t i = 0, n = classes.pixels.size(); i < n; ++i) {
    const auto value = [&](std::size_t c) { return values[channels_last ? i * channels + c : c * n + i]; };
    std::size_t best = channels == 1 && value(0) > 0.5f;
    for (std::size_t c = 1; c < std::min<std::size_t>(channels, 256); ++c)
      if (value(c) > value(best)) best = c;
    classes.pixels[i] = static_cast<std::uint8_t>(best);
  }
  return classes;
}

// Convolutions without padding answer for less than they read; others are unsure at their borders, so tiles overlap.
static Image segment(Session& session, const Image& picture) {
  const Preprocess prepare = session.model().preprocess();
  const Shape& shape = session.model().inputs().at(0).shape;
  const Dim height = shape[prepare.channels_last ? 1 : 2], width = shape[prepare.channels_last ? 2 : 3];
  Image classes(picture.width, picture.height, 1);
  const auto run = [&](const Rect& part) {
    return classes_of(session.run(prepare(cut(picture, part))), prepare.channels_last);
  };
  if (width == kFree || width != height || prepare.resize != Preprocess::Resize::None) {  // one run, the nearest pixel
    const Image answer = run({0, 0, picture.width, picture.height});
    for (int y = 0; y < classes.height; ++y)
      for (int x = 0; x < classes.width; ++x)
        *classes.at(x, y) = *answer.at(x * answer.width / classes.width, y * answer.height / classes.height);
    return classes;
  }
  const int window = static_cast<int>(width), lost = (window - run({0, 0, window, window}).width) / 2;
  const int margin = std::max(lost, window / 8), skip = margin - lost;
  const TileGrid grid(picture.width, picture.height, window, window - 2 * margin, margin);
  const example::Progress progress("segmenting", grid.size());
  for (std::size_t i = 0; i < grid.size(); progress.show(++i)) {
    const Image answer = run(grid[i].window);
    for (int y = 0; y < grid[i].core.height; ++y)
      std::copy_n(answer.at(skip, skip + y), grid[i].core.width, classes.at(grid[i].core.x, grid[i].core.y + y));
  }
  return classes;
}

static void segment_file(int argc, char** argv) {
  if (argc < 4 || argc > 5 || argv[1][0] == '-') throw example::Usage{};
  Session session(Model::load(argv[1]));
  const Image picture = load_image(argv[2]), classes = segment(session, picture);
  if (argc == 5) save_image(classes, argv[4]);
  Image overlay(picture.width, picture.height, 3), mask = classes;
  paste(overlay, picture, 0, 0);
  for (std::size_t c = 1; c < 256; ++c) {
    for (std::size_t i = 0; i < mask.pixels.size(); ++i) mask.pixels[i] = classes.pixels[i] == c;
    const Components parts = connected_components(mask);
    draw_components(overlay, parts, kColors[(c - 1) % std::size(kColors)]);
    if (!parts.items.empty()) std::printf("class %zu: %zu parts\n", c, parts.items.size());
  }
  save_image(overlay, argv[3]);
}

int main(int argc, char** argv) {
  return example::run(kUsage, [&] { segment_file(argc, argv); });
}
