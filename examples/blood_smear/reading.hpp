// Reading a blood smear: from the networks' probabilities to cells, counts and classes.
#pragma once
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "coverslip/coverslip.hpp"
#include "coverslip/image/separate.hpp"
#include "coverslip/image/tiles.hpp"

namespace coverslip::example {

// A value for each pixel of the picture.
struct Map {
  int width = 0, height = 0;
  std::vector<float> values;
  Map(int w, int h) : width(w), height(h), values(static_cast<std::size_t>(w) * static_cast<std::size_t>(h), 0.0f) {}
};

// What the three U-Nets say; of each pixel, the probability that it belongs to such a cell.
struct Probabilities {
  Map red, red_edge, white, platelets;
};

struct Share {
  std::string label;
  float probability = 0;
};

struct WhiteCell {
  Rect crop;                  // what the classifier saw
  std::vector<Share> shares;  // of the blood cells, the most probable first
  float others = 0;           // what it gave to classes that are no blood cells
};

struct Reading {
  Components red, white, platelets;
  std::vector<WhiteCell> white_cells;  // of white.items
};

// How sure a network must be, and in pixels: the smallest groups that count as cells, the largest holes that are
// filled.
struct Thresholds {
  float probability = 0.5f;
  std::int64_t red_area = 250, white_area = 500, platelet_area = 30, red_hole = 1500;
  float red_neck = 0.85f;  // of split()
};

// The U-Nets read 188x188 pixels for each 100x100 that they answer for; beyond the picture they saw black when trained.
inline TileGrid tiles_of(const Image& picture) { return TileGrid(picture.width, picture.height, 188, 100); }

// Puts a network's answer for one tile in its place.
inline void stitch(Map& map, const Tile& tile, const Tensor& answer) {
  const auto values = answer.values<float>();
  constexpr std::size_t kSide = 100;
  if (values.size() != kSide * kSide)
    throw Error(Errc::BadModel, "segmentation", "gives ", answer.type(), " for a tile, wanted 100x100 values");
  for (int y = 0; y < tile.core.height; ++y)
    std::copy_n(values.data() + static_cast<std::size_t>(y) * kSide, tile.core.width,
                map.values.data() + static_cast<std::size_t>(tile.core.y + y) * static_cast<std::size_t>(map.width) +
                    tile.core.x);
}

// Runs a U-Net over the picture. Its outputs go to `maps` in their order. `watch` hears how many tiles are done.
inline void segment(const Model& model, const Options& options, const Image& picture, std::span<Map* const> maps,
                    const std::function<void(std::size_t)>& watch) {
  if (model.outputs().size() != maps.size())
    throw Error(Errc::BadModel, "segmentation", "wants ", maps.size(), " outputs, the model has ",
                model.outputs().size());
  const Preprocess prepare = model.preprocess();
  Session session(model, options);
  const TileGrid grid = tiles_of(picture);
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const Tensor input = prepare(cut(picture, grid[i].window));
    const std::vector<Tensor> answers = session.run({&input, 1});
    for (std::size_t k = 0; k < maps.size(); ++k) stitch(*maps[k], grid[i], answers[k]);
    watch(i + 1);
  }
}

// 255 where yes(i) for the pixel's place in the map.
template <class Yes>
Image mask_where(const Map& map, const Yes& yes) {
  Image mask(map.width, map.height, 1);
  for (std::size_t i = 0; i < map.values.size(); ++i) mask.pixels[i] = yes(i) ? 255 : 0;
  return mask;
}

inline bool at_border(const Component& c, int width, int height) {
  return c.box.x == 0 || c.box.y == 0 || c.box.x + c.box.width == width || c.box.y + c.box.height == height;
}

// Red cells touch and overlap: what remains of them without their edges is cut at its necks, and grown back. What is
// far smaller than the others is a piece of another cell or debris, unless the picture's border cuts it.
inline Components find_red_cells(const Probabilities& p, const Image& white, const Thresholds& limits) {
  const auto is_red = [&](std::size_t i) { return p.red.values[i] > limits.probability && white.pixels[i] == 0; };
  const auto is_core = [&](std::size_t i) {
    return is_red(i) && p.red.values[i] - p.red_edge.values[i] > limits.probability;
  };
  const Image red = fill_holes(mask_where(p.red, is_red), limits.red_hole);
  const Image cores = fill_holes(mask_where(p.red, is_core), limits.red_hole);
  Components cells = grow(split(cores, limits.red_neck, limits.red_area), red);
  std::vector<std::int64_t> areas{0};
  for (const Component& c : cells.items) areas.push_back(c.area);
  std::nth_element(areas.begin(), areas.begin() + static_cast<std::ptrdiff_t>(areas.size() / 2), areas.end());
  const std::int64_t least = areas[areas.size() / 2] / 4;
  drop(cells, [&](const Component& c) { return c.area < least && !at_border(c, red.width, red.height); });
  return cells;
}

inline Reading find_cells(const Probabilities& p, const Thresholds& limits = {}) {
  const auto above = [&](const Map& map) {
    return mask_where(map, [&](std::size_t i) { return map.values[i] > limits.probability; });
  };
  const Image white = above(p.white);
  Reading reading;
  reading.red = find_red_cells(p, white, limits);
  reading.white = connected_components(fill_holes(white, limits.white_area), Neighbours::Eight, limits.white_area);
  reading.platelets = connected_components(above(p.platelets), Neighbours::Eight, limits.platelet_area);
  return reading;
}

// 224x224 pixels around the cell, inside the picture where it is big enough: at the magnification that the U-Nets
// want, red cells are as large in it (85 pixels) as in the pictures with which the classifier was trained.
inline Rect crop_around(const Component& cell, const Image& picture) {
  constexpr int kSide = 224;
  const auto begin = [](double centre, int size) {
    const int wanted = static_cast<int>(std::lround(centre)) - kSide / 2;
    return size >= kSide ? std::clamp(wanted, 0, size - kSide) : wanted;
  };
  return {begin(cell.x, picture.width), begin(cell.y, picture.height), kSide, kSide};
}

// The classifier knows 24 kinds of tissue, of which these can be in a smear.
inline bool is_blood_cell(std::string_view label) {
  constexpr std::string_view kBlood[] = {"basophil",   "eosinophil", "erythroblast", "immature granulocytes",
                                         "lymphocyte", "monocyte",   "neutrophil",   "platelet"};
  return std::find(std::begin(kBlood), std::end(kBlood), label) != std::end(kBlood);
}

inline WhiteCell classify(Session& session, const Image& picture, const Component& cell) {
  WhiteCell result{.crop = crop_around(cell, picture), .shares = {}};
  const Tensor scores = session.run(session.model().preprocess()(cut(picture, result.crop)));
  const auto probabilities = scores.values<float>();
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const std::string label = session.model().label(i);
    if (is_blood_cell(label))
      result.shares.push_back({label, probabilities[i]});
    else
      result.others += probabilities[i];
  }
  if (result.shares.empty()) throw Error(Errc::BadModel, "classifier", "names no blood cells in its labels");
  std::stable_sort(result.shares.begin(), result.shares.end(),
                   [](const Share& a, const Share& b) { return a.probability > b.probability; });
  return result;
}

}  // namespace coverslip::example
