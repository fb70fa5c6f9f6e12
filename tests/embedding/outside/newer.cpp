// The file that is compiled for newer CPUs than the rest of the program. Of C++ headers it only uses what is inlined.
#include <coverslip/coverslip.hpp>

float mean_of(const float* x, std::size_t n) {
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += x[i];
  return sum / static_cast<float>(n);
}

#ifdef COPIES_TENSORS  // against the advice: inline functions of which the program may get this copy
std::vector<coverslip::Tensor> twice(const coverslip::Tensor& t) {
  std::vector<coverslip::Tensor> two;
  two.push_back(t);
  two.push_back(t);
  return two;
}
#endif
