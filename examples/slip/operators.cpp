// Implements operators.hpp; the only part of the tool that sees the registry.
#include "operators.hpp"

#include <algorithm>

#include "coverslip/ops/registry.hpp"
#include "json.hpp"

namespace coverslip::tool {
namespace {

std::vector<std::string> names() {
  std::vector<std::string> all;
  for_each_op([&](const OpDef& op) { all.emplace_back(op.name); });
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

std::string operators_text() {
  std::string text;
  for (const std::string& name : names()) text += name + "\n";
  return text;
}

std::string operators_json() {
  Json json;
  return json.open_object().member("operators", names()).close().take();
}

}  // namespace coverslip::tool
