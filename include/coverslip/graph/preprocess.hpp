// How pixels become the input of a network: a value that a file carries and a caller may change.
#pragma once
#include <string>
#include <vector>

#include "coverslip/core/image.hpp"
#include "coverslip/core/tensor.hpp"

namespace coverslip {
inline namespace v0 {

// Call it with a picture. Steps: colour order, resize, then (pixel * scale - mean[c]) / std[c], into an f32 tensor of
// one picture.
struct Preprocess {
  enum class Color : std::uint8_t { Rgb, Bgr, Gray };
  enum class Resize : std::uint8_t { None, Nearest, Linear };  // None: a picture of another size is refused

  bool channels_last = false;  // the network's input is N,H,W,C, not N,C,H,W
  Color color = Color::Rgb;
  Resize resize = Resize::Linear;  // half-pixel centres, no antialias
  int width = 0, height = 0;       // 0: the picture's own
  float scale = 1.0f / 255.0f;
  std::vector<float> mean, std;  // a value per channel; empty: zeros and ones

  // Throws Error(BadInput) where the picture cannot be taken.
  Tensor operator()(const Image& image) const;
};

}  // namespace v0
}  // namespace coverslip
