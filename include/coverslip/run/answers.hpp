// Memory of answers: what a caller lets go of serves the next run.
#pragma once
#include <memory>
#include <mutex>

#include "coverslip/core/tensor.hpp"

namespace coverslip {
inline namespace v0 {

// Of one output. It keeps one piece at most, so that callers who hold no answers need no more than one. An allocator
// that gets such pieces back from other threads than those that asked for them may keep one for each thread.
class Answers {
 public:
  explicit Answers(std::size_t bytes) : bytes_(bytes), spare_(std::make_shared<Spare>()) {}

  // May outlive this. Throws Error(OutOfMemory).
  Bytes take() const {
    Bytes memory = spare_->take();
    if (memory == nullptr) memory = allocate(bytes_);
    std::byte* const data = memory.get();
    return Bytes(data, [memory = std::move(memory), spare = std::weak_ptr(spare_)](std::byte*) mutable noexcept {
      if (const auto kept = spare.lock()) kept->keep(std::move(memory));
      memory.reset();  // copies of a weak pointer to the answer may hold this function longer
    });
  }

 private:
  class Spare {
   public:
    Bytes take() {
      const std::lock_guard lock(mutex_);
      return std::move(memory_);
    }
    void keep(Bytes memory) {
      const std::lock_guard lock(mutex_);
      if (memory_ == nullptr) memory_ = std::move(memory);
    }

   private:
    std::mutex mutex_;
    Bytes memory_;
  };

  std::size_t bytes_;
  std::shared_ptr<Spare> spare_;
};

}  // namespace v0
}  // namespace coverslip
