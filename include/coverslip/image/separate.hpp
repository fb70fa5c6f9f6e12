// Telling touching things apart in a mask: holes, distances from the border, necks.
#pragma once
#include "coverslip/image/components.hpp"

namespace coverslip {
inline namespace v0 {

// The mask with its holes filled (255): groups of at most max_area pixels that are 0 and do not reach the picture's
// border.
Image fill_holes(const Image& mask, std::int64_t max_area);

// Of each pixel that is not 0, the Euclidean distance to the nearest that is 0, row by row; 0 elsewhere. The
// picture's border is no such pixel; where the mask has none at all, the distance is that to a pixel beyond the
// border.
std::vector<float> distance_inside(const Image& mask);

// Cuts a mask at its necks: two parts are two where the way between them is narrower than `neck` times the smaller of
// their widths. 0 cuts nothing that hangs together; round things that overlap by less than half come apart at 0.85.
// Parts below min_area become background. Throws Error(BadInput) unless the mask is grey and 0 <= neck <= 1.
Components split(const Image& mask, float neck = 0.85f, std::int64_t min_area = 1);

}  // namespace v0
}  // namespace coverslip
