// The operators of this build, as its registry lists them.
#pragma once
#include <string>

namespace coverslip::tool {

std::string operators_text();  // a name a line

// For each its group, the ranks and element types for which it has samples, and how those run: with kernels ("fast"),
// some of them ("partly"), or none ("reference").
std::string operators_json();

}  // namespace coverslip::tool
