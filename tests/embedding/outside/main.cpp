// Runs a network on zeros: main.cpp is compiled for any CPU, newer.cpp is not.
#include <coverslip/coverslip.hpp>
#include <cstdio>

float mean_of(const float* x, std::size_t n);

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  try {
    const auto model = coverslip::Model::load(argv[1]);
    coverslip::Session session(model, {.threads = 1});
    const coverslip::Port& port = model.inputs().at(0);
    const coverslip::Tensor y = session.run(coverslip::Tensor({port.dtype, port.shape}));
    std::printf("%s\n", model.label(y.argmax()).c_str());
    if (argc > 2) std::printf("mean %g\n", static_cast<double>(mean_of(y.values<float>().data(), 4)));
    return 0;
  } catch (const coverslip::Error& error) {
    std::printf("%s: %s\n", std::string(to_string(error.code())).c_str(), error.what());
    return 1;
  }
}
