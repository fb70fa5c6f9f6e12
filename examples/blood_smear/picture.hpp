// The picture of a reading: the smear with its cells marked, and beside it counts, sizes and classes.
#pragma once
#include <cstdio>

#include "coverslip/image/draw.hpp"
#include "coverslip/image/resize.hpp"
#include "reading.hpp"

namespace coverslip::example {

constexpr Color kPaper{246, 247, 249}, kCard{255, 255, 255}, kLine{222, 226, 231}, kInk{31, 37, 46},
    kMuted{107, 117, 130}, kTrack{236, 239, 243};
constexpr Color kRed{226, 51, 68}, kWhite{53, 92, 255}, kPlatelet{236, 160, 0};

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[200];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

constexpr int kMargin = 26, kHeader = 84, kPanel = 380, kBelow = 46;  // around the picture

struct Note {
  std::string title, about;  // the two lines above the picture
};

// A card of the panel; y moves down as it fills.
struct Card {
  Image& canvas;
  float x, y, width;

  static Card open(Image& canvas, float x, float y, float width, float height, const char* title) {
    fill_rectangle(canvas, x, y, width, height, kCard, 10);
    draw_rectangle(canvas, x, y, width, height, kLine, 1, 10);
    draw_text(canvas, x + 18, y + 17, title, {.size = 11, .color = kInk, .weight = 1.25f});
    return {canvas, x + 18, y + 46, width - 36};
  }
  void text(float dx, float dy, std::string_view s, float size, Color color, float weight = 1) const {
    draw_text(canvas, x + dx, y + dy, s, {.size = size, .color = color, .weight = weight});
  }
  void right(float dx, float dy, std::string_view s, float size, Color color, float weight = 1) const {
    text(dx - text_width(s, size), dy, s, size, color, weight);
  }
  void bar(float dx, float dy, float length, float height, double share, Color color) const {
    fill_rectangle(canvas, x + dx, y + dy, length, height, kTrack, height / 2);
    const float filled = length * static_cast<float>(std::clamp(share, 0.0, 1.0));
    fill_rectangle(canvas, x + dx, y + dy, filled, height, color, height / 2);
  }
};

// A round number of about a quarter of `most`, for the ticks of an axis.
inline double tick_for(double most) {
  const double size = std::pow(10.0, std::floor(std::log10(std::max(most, 1.0) / 4)));
  for (const double step : {1.0, 2.0, 5.0, 10.0})
    if (step * size >= most / 5) return std::max(step * size, 1.0);
  return 10 * size;
}

inline void draw_counts(Image& canvas, float x, float y, float width, const Reading& r) {
  const Card card = Card::open(canvas, x, y, width, 182, "Found in this picture");
  const struct {
    const char* name;
    std::size_t count;
    Color color;
  } rows[] = {{"Red cells", r.red.items.size(), kRed},
              {"White cells", r.white.items.size(), kWhite},
              {"Platelets", r.platelets.items.size(), kPlatelet}};
  double most = 1;
  for (const auto& row : rows) most = std::max(most, static_cast<double>(row.count));
  const double tick = tick_for(most), end = std::ceil(most / tick) * tick;
  constexpr float kBegin = 110;
  const float length = card.width - kBegin - 44;
  for (double at = 0; at <= end; at += tick) {
    const float tx = card.x + kBegin + length * static_cast<float>(at / end);
    draw_line(canvas, tx, card.y - 4, tx, card.y + 98, kLine, 1);
    const std::string text = format("%.0f", at);
    draw_text(canvas, tx - text_width(text, 8) / 2, card.y + 105, text, {.size = 8, .color = kMuted});
  }
  float dy = 2;
  for (const auto& row : rows) {
    fill_circle(canvas, card.x + 6, card.y + dy + 8, 5.5f, row.color);
    card.text(20, dy + 3, row.name, 10, kInk);
    card.bar(kBegin, dy + 3, length, 10, static_cast<double>(row.count) / end, row.color);
    card.right(card.width, dy + 1, std::to_string(row.count), 14, kInk, 1.2f);
    dy += 34;
  }
}

// How wide the red cells are: as circles of their area.
inline void draw_sizes(Image& canvas, float x, float y, float width, const Components& red) {
  const Card card = Card::open(canvas, x, y, width, 158, "Red cells by diameter");
  card.right(card.width, -28, "pixels", 9, kMuted);
  constexpr double kStep = 10;
  constexpr std::size_t kBins = 18;
  std::vector<double> bins(kBins, 0.0);
  for (const Component& c : red.items) {
    const double diameter = 2 * std::sqrt(static_cast<double>(c.area) / 3.14159265);
    bins[std::min(kBins - 1, static_cast<std::size_t>(diameter / kStep))] += 1;
  }
  const double most = std::max(1.0, *std::max_element(bins.begin(), bins.end()));
  const float floor = 70, one = card.width / static_cast<float>(kBins);
  for (std::size_t i = 0; i < kBins; ++i) {
    const float left = one * static_cast<float>(i), height = 60 * static_cast<float>(bins[i] / most);
    if (bins[i] > 0) {
      fill_rectangle(canvas, card.x + left + 1, card.y + floor - height, one - 2, height, kRed.with_alpha(0.85f), 2);
      const std::string count = format("%.0f", bins[i]);
      card.text(left + one / 2 - text_width(count, 7) / 2, floor - height - 11, count, 7, kMuted);
    }
    if (i % 4 == 0) {
      const std::string text = format("%.0f", static_cast<double>(i) * kStep);
      card.text(i == 0 ? 0 : left - text_width(text, 8) / 2, floor + 9, text, 8, kMuted);
      draw_line(canvas, card.x + left, card.y + floor, card.x + left, card.y + floor + 4, kMuted, 1);
    }
  }
  draw_line(canvas, card.x, card.y + floor, card.x + card.width, card.y + floor, kMuted, 1);
}

constexpr float kWhiteCellHeight = 284;

// One white cell: what the classifier saw, and what it thinks.
inline void draw_white_cell(Image& canvas, float x, float y, float width, const Image& picture, std::size_t number,
                            const WhiteCell& cell) {
  constexpr int kSide = 152;
  constexpr float kBegin = kSide + 20;
  const Card card = Card::open(canvas, x, y, width, kWhiteCellHeight - 14, format("White cell W%zu", number).c_str());
  paste(canvas, resized(picture, cell.crop, kSide, kSide), static_cast<int>(card.x), static_cast<int>(card.y));
  draw_rectangle(canvas, card.x, card.y, kSide, kSide, kWhite, 1.5f);
  card.text(0, kSide + 10, format("%d x %d pixels,", cell.crop.width, cell.crop.height), 8, kMuted);
  card.text(0, kSide + 24, "as the classifier sees it", 8, kMuted);
  const float length = card.width - kBegin;
  float dy = 0;
  const auto row = [&](std::string_view label, float probability, Color color, bool first) {
    const Color ink = first ? kInk : kMuted;
    card.text(kBegin, dy, label, 8.5f, ink, first ? 1.25f : 1.0f);
    card.bar(kBegin, dy + 15, length - 44, 6, static_cast<double>(probability), color);
    card.right(card.width, dy + 13, format("%.1f%%", 100.0 * static_cast<double>(probability)), 8.5f, ink,
               first ? 1.25f : 1.0f);
    dy += 36;
  };
  for (std::size_t i = 0; i < std::min<std::size_t>(5, cell.shares.size()); ++i)
    row(cell.shares[i].label, cell.shares[i].probability, i == 0 ? kWhite : kWhite.with_alpha(0.45f), i == 0);
  row("no blood cell", cell.others, kMuted.with_alpha(0.6f), false);
}

// For the rim of white letters on that colour.
inline Color darker(Color c) {
  const auto third = [](std::uint8_t x) { return static_cast<std::uint8_t>(x / 3); };
  return {third(c.r), third(c.g), third(c.b), 0.75f};
}

inline void mark(Image& canvas, const Components& cells, Color color, float tint, const char* prefix, int x, int y) {
  draw_components(canvas, cells, color, tint, 1.6f, x, y);
  for (std::size_t i = 0; i < cells.items.size(); ++i) {
    const std::string text = prefix + std::to_string(i + 1);
    const float size = 8, width = text_width(text, size);
    const float tx =
        std::clamp(static_cast<float>(cells.items[i].x) - width / 2, 3.0f, static_cast<float>(cells.width) - width - 3);
    const float ty =
        std::clamp(static_cast<float>(cells.items[i].y) - size / 2, 3.0f, static_cast<float>(cells.height) - size - 3);
    draw_text(canvas, static_cast<float>(x) + tx, static_cast<float>(y) + ty, text,
              {.size = size, .color = {255, 255, 255}, .weight = 1.1f, .halo = darker(color)});
  }
}

// A bar of so many pixels in the lower left corner of the picture.
inline void draw_scale_bar(Image& canvas, float left, float bottom, int pixels) {
  const float x = left + 16, y = bottom - 18;
  const std::string text = std::to_string(pixels) + " pixels";
  fill_rectangle(canvas, x - 8, y - 20, static_cast<float>(pixels) + 16, 30, Color{20, 24, 30, 0.62f}, 5);
  draw_line(canvas, x, y, x + static_cast<float>(pixels), y, {255, 255, 255}, 2.5f);
  draw_text(canvas, x + (static_cast<float>(pixels) - text_width(text, 8)) / 2, y - 14, text,
            {.size = 8, .color = {255, 255, 255}});
}

inline Image draw_reading(const Image& picture, const Reading& reading, const Note& note) {
  constexpr float kFixed = 182 + 14 + 158 + 14;
  const std::size_t shown = std::min<std::size_t>(reading.white_cells.size(), 8);
  const int panel_height = static_cast<int>(kFixed + kWhiteCellHeight * static_cast<float>(shown)) - 14;
  const int body = std::max(picture.height, panel_height);
  Image canvas(picture.width + kPanel + 3 * kMargin, kHeader + body + kBelow, 3);
  fill_rectangle(canvas, 0, 0, static_cast<float>(canvas.width), static_cast<float>(canvas.height), kPaper);
  draw_text(canvas, kMargin, 24, note.title, {.size = 20, .color = kInk, .weight = 1.2f});
  draw_text(canvas, kMargin, 56, note.about, {.size = 9.5f, .color = kMuted});

  paste(canvas, picture, kMargin, kHeader);
  mark(canvas, reading.red, kRed, 0.16f, "", kMargin, kHeader);
  mark(canvas, reading.platelets, kPlatelet, 0.30f, "P", kMargin, kHeader);
  mark(canvas, reading.white, kWhite, 0.26f, "W", kMargin, kHeader);
  for (const WhiteCell& cell : reading.white_cells)
    draw_rectangle(canvas, static_cast<float>(kMargin + cell.crop.x), static_cast<float>(kHeader + cell.crop.y),
                   static_cast<float>(cell.crop.width), static_cast<float>(cell.crop.height), kWhite.with_alpha(0.8f),
                   1.5f, 4);
  draw_scale_bar(canvas, kMargin, static_cast<float>(kHeader + picture.height), 100);

  const float x = static_cast<float>(picture.width + 2 * kMargin);
  float y = kHeader;
  draw_counts(canvas, x, y, kPanel, reading);
  draw_sizes(canvas, x, y += 182 + 14, kPanel, reading.red);
  y += 158 + 14;
  for (std::size_t i = 0; i < shown; ++i, y += kWhiteCellHeight)
    draw_white_cell(canvas, x, y, kPanel, picture, i + 1, reading.white_cells[i]);
  constexpr std::string_view kFooter =
      "Outlined: what a network takes for a cell with a probability above 0.5; overlapping red cells may count as one. "
      "No diagnosis.";
  const float room = static_cast<float>(canvas.width - 2 * kMargin) / text_width(kFooter, 1);
  draw_text(canvas, kMargin, static_cast<float>(canvas.height - 28), kFooter,
            {.size = std::min(8.5f, room), .color = kMuted});
  return canvas;
}

}  // namespace coverslip::example
