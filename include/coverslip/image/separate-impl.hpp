// Distances by lower envelopes of parabolas (Felzenszwalb and Huttenlocher 2012); necks by flooding from wide places.
#pragma once
#include <cmath>
#include <numeric>

#include "coverslip/image/components-impl.hpp"
#include "coverslip/image/separate.hpp"

namespace coverslip {
inline namespace v0 {
namespace image {

// d[q] = min over p of (q - p)^2 + f[p], for n values that lie `stride` apart; f is overwritten.
class DistanceTransform {
 public:
  explicit DistanceTransform(std::size_t longest) : f_(longest), places_(longest), borders_(longest + 1) {}

  void run(double* values, std::size_t n, std::size_t stride) {
    for (std::size_t q = 0; q < n; ++q) f_[q] = values[q * stride];
    std::size_t k = 0;
    places_[0] = 0;
    borders_[0] = -kFar;
    borders_[1] = kFar;
    for (std::size_t q = 1; q < n; ++q) {
      double from = meet(places_[k], q);
      while (from <= borders_[k]) from = meet(places_[--k], q);
      places_[++k] = q;
      borders_[k] = from;
      borders_[k + 1] = kFar;
    }
    k = 0;
    for (std::size_t q = 0; q < n; ++q) {
      while (borders_[k + 1] < static_cast<double>(q)) ++k;
      const double away = static_cast<double>(q) - static_cast<double>(places_[k]);
      values[q * stride] = away * away + f_[places_[k]];
    }
  }
  static constexpr double kFar = 1e12;  // beyond any squared distance in a picture

 private:
  // Where the parabola of q begins to lie below that of p, p < q.
  double meet(std::size_t p, std::size_t q) const {
    const auto x = static_cast<double>(p), y = static_cast<double>(q);
    return ((f_[q] + y * y) - (f_[p] + x * x)) / (2 * (y - x));
  }
  std::vector<double> f_;
  std::vector<std::size_t> places_;
  std::vector<double> borders_;
};

// Regions that grow while pixels come in from the widest place to the narrowest, and merge where the way is wide
// enough.
class Flood {
 public:
  Flood(const Image& mask, float neck)
      : width_(static_cast<std::size_t>(mask.width)),
        neck_(neck),
        distance_(distance_inside(mask)),
        labels_(distance_.size(), 0) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < distance_.size(); ++i)
      if (distance_[i] > 0) order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return distance_[a] > distance_[b]; });
    for (const std::size_t at : order) add(at);
  }
  std::vector<std::int32_t> take() {
    for (std::int32_t& label : labels_) label = sets_.find(label);
    return std::move(labels_);
  }

 private:
  // The pixel joins its widest neighbour. The regions that it touches merge, unless it is too narrow for that: a neck.
  void add(std::size_t at) {
    std::int32_t mine = 0;
    float widest = -1;
    const std::size_t x = at % width_;
    for (const std::size_t row : {at - width_, at, at + width_}) {
      if (row >= labels_.size()) continue;  // above the first row too, where it wraps
      for (const std::size_t other : {row - 1, row, row + 1}) {
        if ((x == 0 && other + 1 == row) || (x + 1 == width_ && other == row + 1) || labels_[other] == 0) continue;
        const std::int32_t met = sets_.find(labels_[other]);
        if (mine == 0) mine = met;
        if (met != sets_.find(mine) && distance_[at] >= neck_ * std::min(peak(met), peak(sets_.find(mine))))
          merge(met, mine);
        if (distance_[other] > widest) mine = labels_[other], widest = distance_[other];
      }
    }
    labels_[at] = mine != 0 ? mine : make(distance_[at]);
  }
  std::int32_t make(float peak) {
    peaks_.push_back(peak);
    return sets_.make();
  }
  void merge(std::int32_t a, std::int32_t b) {
    b = sets_.find(b);
    const float most = std::max(peak(a), peak(b));
    peak(sets_.unite(a, b)) = most;
  }
  float& peak(std::int32_t label) { return peaks_[static_cast<std::size_t>(label)]; }

  std::size_t width_;
  float neck_;
  std::vector<float> distance_;
  std::vector<std::int32_t> labels_;
  LabelSets sets_;
  std::vector<float> peaks_{0};  // the largest distance in each region
};

}  // namespace image

Image fill_holes(const Image& mask, std::int64_t max_area) {
  image::check_mask(mask);
  Image filled = mask, outside = mask;
  for (std::uint8_t& x : outside.pixels) x = x == 0;
  const Components holes = connected_components(outside, Neighbours::Four);
  for (std::size_t i = 0; i < filled.pixels.size(); ++i) {
    if (holes.labels[i] == 0) continue;
    const Component& hole = holes.items[static_cast<std::size_t>(holes.labels[i] - 1)];
    const bool at_border = hole.box.x == 0 || hole.box.y == 0 || hole.box.x + hole.box.width == mask.width ||
                           hole.box.y + hole.box.height == mask.height;
    if (!at_border && hole.area <= max_area) filled.pixels[i] = 255;
  }
  return filled;
}

std::vector<float> distance_inside(const Image& mask) {
  image::check_mask(mask);
  const auto width = static_cast<std::size_t>(mask.width), height = static_cast<std::size_t>(mask.height);
  std::vector<double> squared(mask.pixels.size());
  for (std::size_t i = 0; i < squared.size(); ++i)
    squared[i] = mask.pixels[i] == 0 ? 0.0 : image::DistanceTransform::kFar;
  image::DistanceTransform transform(std::max(width, height));
  for (std::size_t x = 0; x < width; ++x) transform.run(squared.data() + x, height, width);
  for (std::size_t y = 0; y < height; ++y) transform.run(squared.data() + y * width, width, 1);
  std::vector<float> distance(squared.size());
  const double most = static_cast<double>(width) + static_cast<double>(height);
  for (std::size_t i = 0; i < squared.size(); ++i)
    distance[i] = static_cast<float>(std::min(std::sqrt(squared[i]), most));
  return distance;
}

Components split(const Image& mask, float neck, std::int64_t min_area) {
  if (!(neck >= 0 && neck <= 1)) throw Error(Errc::BadInput, "neck", "is 0 to 1, got ", neck);
  image::check_mask(mask);
  Components c{.width = mask.width, .height = mask.height, .labels = image::Flood(mask, neck).take(), .items = {}};
  // Names come in the order of the flood; give them that of the rows.
  std::vector<std::int32_t> names;
  std::int32_t next = 0;
  for (std::int32_t& label : c.labels) {
    if (label == 0) continue;
    if (names.size() <= static_cast<std::size_t>(label)) names.resize(static_cast<std::size_t>(label) + 1, 0);
    std::int32_t& name = names[static_cast<std::size_t>(label)];
    label = name != 0 ? name : name = ++next;
  }
  c.items = image::measure(c, static_cast<std::size_t>(next));
  drop(c, [&](const Component& item) { return item.area < min_area; });
  return c;
}

}  // namespace v0
}  // namespace coverslip
