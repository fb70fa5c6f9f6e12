// Where the time of a run goes, step by step and summed by operator.
#pragma once
#include <string>

#include "coverslip/coverslip.hpp"
#include "json.hpp"

namespace coverslip::tool {

// Runs for about `seconds`, at least three times; each step's time is the median of its times.
std::vector<StepInfo> profile(Session& session, std::span<const Tensor> inputs, double seconds);

// What the cores could do at most, as measured: a step's roofline (Williams et al., "Roofline", CACM 2009).
struct Roofline {
  double gflops = 0, gigabytes = 0;  // a second
};

std::string profile_text(const std::vector<StepInfo>& steps, const Roofline& roofline);
void add_profile(Json& json, const std::vector<StepInfo>& steps);  // members "steps" and "by_operator"

}  // namespace coverslip::tool
