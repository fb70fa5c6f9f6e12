// Classifies pictures on threads of its own: each has a copy of one Session, all share the plan and the weights.
#include <atomic>
#include <exception>
#include <thread>

#include "coverslip/coverslip.hpp"
#include "coverslip/image/decode.hpp"
#include "program.hpp"

namespace coverslip::example {
namespace {

constexpr const char* kUsage =
    "usage: threads N MODEL.slip PICTURE...\n"
    "\n"
    "Classifies the pictures (PNG or JPEG) on N threads, one picture a thread at a time: the most pictures in a "
    "second.\n";

// Takes pictures from the list until there are no more, or until a thread failed.
class Work {
 public:
  Work(const Model& model, std::vector<std::string> pictures)
      : first_(model, {.threads = 1}), pictures_(std::move(pictures)), labels_(pictures_.size()) {}

  void run(int threads) {
    std::vector<std::exception_ptr> errors(static_cast<std::size_t>(threads));
    {
      std::vector<std::jthread> pool;
      for (std::exception_ptr& error : errors) pool.emplace_back([this, &error] { take_all(error); });
    }
    for (const std::exception_ptr& error : errors)
      if (error) std::rethrow_exception(error);
  }

  void print() const {
    for (std::size_t i = 0; i < pictures_.size(); ++i)
      std::printf("%s: %s\n", plain(pictures_[i]).c_str(), plain(labels_[i]).c_str());
  }

 private:
  void take_all(std::exception_ptr& error) {
    try {
      Session session = first_;
      const Preprocess prepare = session.model().preprocess();
      for (std::size_t i = next_++; i < pictures_.size(); i = next_++)
        labels_[i] = session.model().label(session.run(prepare(load_image(pictures_[i]))).argmax());
    } catch (...) {
      error = std::current_exception();
      next_ = pictures_.size();
    }
  }

  const Session first_;
  const std::vector<std::string> pictures_;
  std::vector<std::string> labels_;
  std::atomic<std::size_t> next_ = 0;
};

void classify(int argc, char** argv) {
  if (argc < 4) throw Usage{};
  const int threads = number(argv[1]);
  if (threads < 1 || threads > 64) throw Usage{};
  Work work(Model::load(argv[2]), {argv + 3, argv + argc});
  work.run(threads);
  work.print();
}

}  // namespace
}  // namespace coverslip::example

int main(int argc, char** argv) {
  using namespace coverslip::example;
  return run(kUsage, [&] { classify(argc, argv); });
}
