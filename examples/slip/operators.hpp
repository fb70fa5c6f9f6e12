// The operators of this build, as its registry lists them.
#pragma once
#include <string>

namespace coverslip::tool {

std::string operators_text();  // a name a line
std::string operators_json();

}  // namespace coverslip::tool
