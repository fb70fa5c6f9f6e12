// Drawing on RGB pictures: masks, outlines, shapes, text; antialiased, and clipped at the borders.
#pragma once
#include <string_view>

#include "coverslip/image/components.hpp"

namespace coverslip {
inline namespace v0 {

struct Color {
  std::uint8_t r = 0, g = 0, b = 0;
  float alpha = 1;  // 0: nothing is drawn, 1: covers what is below
  Color with_alpha(float a) const { return {r, g, b, a}; }
};

// Places and lengths are in pixels; the pixel in column 3 covers x from 3 to 4. Every picture drawn on has 3
// channels: each function throws Error(BadInput) otherwise.

void fill_rectangle(Image& image, float x, float y, float width, float height, Color color, float radius = 0);
void draw_rectangle(Image& image, float x, float y, float width, float height, Color color, float thickness = 1,
                    float radius = 0);
void draw_line(Image& image, float x0, float y0, float x1, float y1, Color color, float thickness = 1);
void fill_circle(Image& image, float x, float y, float radius, Color color);

// Copies `from`, grey or RGB, its left upper corner at x, y.
void paste(Image& image, const Image& from, int x, int y);

// Colours each pixel where the grey mask (its left upper corner at x, y) is above 0, as strongly as it says.
void blend_mask(Image& image, const Image& mask, Color color, int x = 0, int y = 0);

// A smooth line along the border of the component with this label, the components' left upper corner at x, y.
void draw_outline(Image& image, const Components& components, std::int32_t label, Color color, float thickness = 1.5f,
                  int x = 0, int y = 0);

// All components: filled with so much of the colour, each with an outline.
void draw_components(Image& image, const Components& components, Color color, float filling = 0.25f,
                     float thickness = 1.5f, int x = 0, int y = 0);

// One line of printable ASCII (other characters become '?'); `size` is the height of a capital letter, y its upper end.
struct TextStyle {
  float size = 12;
  Color color{0, 0, 0};
  float weight = 1;              // 1.3 and more is bold
  Color halo{255, 255, 255, 0};  // drawn around the letters where its alpha is above 0, to read text on pictures
};
void draw_text(Image& image, float x, float y, std::string_view text, const TextStyle& style);
float text_width(std::string_view text, float size);

}  // namespace v0
}  // namespace coverslip
