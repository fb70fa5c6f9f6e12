// Constants packed as kernels want them: each once, then shared by all plans and Sessions of a Model.
#pragma once
#include <functional>
#include <map>
#include <mutex>

#include "coverslip/core/tensor.hpp"

namespace coverslip {
inline namespace v0 {

// Safe to share between threads. Packed constants are plain bytes: they can be counted, and written to a file.
class PackStore {
 public:
  // `packed_from` is called with each constant that was read, so that mapped pages of it can be given back.
  explicit PackStore(std::function<void(const Tensor&)> packed_from = {}) : packed_from_(std::move(packed_from)) {}

  // The constant must outlive the store; the result lives as long as the store.
  const Tensor& get(const Tensor& constant, const std::string& packing,
                    const std::function<Tensor(const Tensor&)>& pack) {
    const std::lock_guard lock(mutex_);  // also while packing: who asks for the same wants to wait for it
    const Key key{&constant, packing};
    auto it = packed_.find(key);
    if (it == packed_.end()) {
      it = packed_.emplace(key, pack(constant)).first;
      if (packed_from_) packed_from_(constant);
    }
    return it->second;
  }

  std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    std::size_t sum = 0;
    for (const auto& [key, tensor] : packed_) sum += tensor.type().bytes();
    return sum;
  }

 private:
  using Key = std::pair<const Tensor*, std::string>;
  std::function<void(const Tensor&)> packed_from_;
  mutable std::mutex mutex_;
  std::map<Key, Tensor> packed_;
};

}  // namespace v0
}  // namespace coverslip
