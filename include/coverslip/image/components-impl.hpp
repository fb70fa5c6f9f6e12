// Labelling in two passes over the rows with union-find (Rosenfeld and Pfaltz 1966), and growing by waves.
#pragma once
#include <limits>

#include "coverslip/image/components.hpp"

namespace coverslip {
inline namespace v0 {
namespace image {

// Sets of provisional labels; a set is named by its smallest. Halving paths keeps them short (Tarjan and van Leeuwen
// 1984).
class LabelSets {
 public:
  std::int32_t make() {
    parent_.push_back(static_cast<std::int32_t>(parent_.size()));
    return parent_.back();
  }
  std::int32_t find(std::int32_t label) {
    while (at(label) != label) label = at(label) = at(at(label));
    return label;
  }
  std::int32_t unite(std::int32_t a, std::int32_t b) {
    a = find(a), b = find(b);
    return a < b ? at(b) = a : at(a) = b;
  }

 private:
  std::int32_t& at(std::int32_t label) { return parent_[static_cast<std::size_t>(label)]; }
  std::vector<std::int32_t> parent_{0};  // 0 is background
};

inline void check_mask(const Image& mask) {
  if (mask.channels != 1)
    throw Error(Errc::BadInput, "mask", "is a grey picture, this one has ", mask.channels, " channels");
  if (mask.pixels.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw Error(Errc::Unsupported, "mask", "has more pixels than labels can count; cut it into parts");
}

// Measures the components that labels name, those of 1 .. count.
inline std::vector<Component> measure(const Components& c, std::size_t count) {
  struct Sums {
    std::int64_t x, y;
    int left, top, right, bottom;
  };
  std::vector<Sums> sums(count, Sums{0, 0, c.width, c.height, 0, 0});
  std::vector<Component> items(count);
  const std::int32_t* label = c.labels.data();
  for (int y = 0; y < c.height; ++y)
    for (int x = 0; x < c.width; ++x, ++label) {
      if (*label == 0) continue;
      const auto i = static_cast<std::size_t>(*label - 1);
      Sums& s = sums[i];
      ++items[i].area;
      s = {s.x + x, s.y + y, std::min(s.left, x), std::min(s.top, y), std::max(s.right, x), std::max(s.bottom, y)};
    }
  for (std::size_t i = 0; i < count; ++i) {
    if (items[i].area == 0) continue;
    const auto& [x, y, left, top, right, bottom] = sums[i];
    items[i].box = {left, top, right - left + 1, bottom - top + 1};
    items[i].x = static_cast<double>(x) / static_cast<double>(items[i].area);
    items[i].y = static_cast<double>(y) / static_cast<double>(items[i].area);
  }
  return items;
}

// First pass: each pixel takes a neighbour's label, those that meet are one set.
inline LabelSets label_rows(const Image& mask, Neighbours neighbours, std::vector<std::int32_t>& labels) {
  LabelSets sets;
  const bool corners = neighbours == Neighbours::Eight;
  const auto width = static_cast<std::size_t>(mask.width), height = static_cast<std::size_t>(mask.height);
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < width; ++x) {
      const std::size_t at = y * width + x;
      if (mask.pixels[at] == 0) continue;
      std::int32_t label = 0;
      const auto meet = [&](bool exists, std::size_t back) {
        const std::int32_t other = exists ? labels[at - back] : 0;
        if (other != 0) label = label == 0 ? other : sets.unite(label, other);
      };
      meet(x > 0, 1);
      meet(y > 0, width);
      meet(corners && y > 0 && x > 0, width + 1);
      meet(corners && y > 0 && x + 1 < width, width - 1);
      labels[at] = label != 0 ? label : sets.make();
    }
  return sets;
}

}  // namespace image

Components connected_components(const Image& mask, Neighbours neighbours, std::int64_t min_area) {
  image::check_mask(mask);
  Components c{.width = mask.width,
               .height = mask.height,
               .labels = std::vector<std::int32_t>(mask.pixels.size(), 0),
               .items = {}};
  image::LabelSets sets = image::label_rows(mask, neighbours, c.labels);
  std::int32_t most = 0;
  for (std::int32_t& label : c.labels) most = std::max(most, label = sets.find(label));
  c.items = image::measure(c, static_cast<std::size_t>(most));
  drop(c, [&](const Component& item) { return item.area < min_area; });
  return c;
}

void drop(Components& c, const std::function<bool(const Component&)>& unwanted) {
  std::vector<std::int32_t> names{0};
  std::vector<Component> kept;
  for (const Component& item : c.items) {
    const bool out = unwanted(item);
    if (!out) kept.push_back(item);
    names.push_back(out ? 0 : static_cast<std::int32_t>(kept.size()));
  }
  for (std::int32_t& label : c.labels) label = names[static_cast<std::size_t>(label)];
  c.items = std::move(kept);
}

Components grow(const Components& cores, const Image& mask) {
  image::check_mask(mask);
  if (mask.width != cores.width || mask.height != cores.height)
    throw Error(Errc::BadInput, "mask", "is ", mask.width, "x", mask.height, ", the components' is ", cores.width, "x",
                cores.height);
  Components grown = cores;
  const auto width = static_cast<std::size_t>(mask.width), size = mask.pixels.size();
  std::vector<std::size_t> wave, next;
  for (std::size_t at = 0; at < size; ++at)
    if (grown.labels[at] != 0) wave.push_back(at);
  for (; !wave.empty(); wave.swap(next), next.clear())
    for (const std::size_t at : wave) {
      const auto reach = [&](bool exists, std::size_t to) {
        if (!exists || mask.pixels[to] == 0 || grown.labels[to] != 0) return;
        grown.labels[to] = grown.labels[at];
        next.push_back(to);
      };
      const std::size_t x = at % width;
      reach(x > 0, at - 1);
      reach(x + 1 < width, at + 1);
      reach(at >= width, at - width);
      reach(at + width < size, at + width);
    }
  grown.items = image::measure(grown, cores.items.size());
  return grown;
}

}  // namespace v0
}  // namespace coverslip
