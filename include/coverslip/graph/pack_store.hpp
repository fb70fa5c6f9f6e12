// Constants packed as kernels want them: each once, then shared by all plans and Sessions of a Model.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <vector>

#include "coverslip/core/pack.hpp"

namespace coverslip {
inline namespace v0 {

// Of packed bytes in files. It is raised whenever any packing makes other bytes under the same name; files of before
// are then packed again while they are loaded.
inline constexpr std::uint32_t kPackingVersion = 1;

// A constant, the name of its packing, what packs it, and what that fills. The constant must outlive the store.
struct Packing {
  const Tensor* constant;
  std::string name;
  Pack pack;
  TensorType made;
};

inline Tensor packed(const Packing& packing) {
  Tensor made(packing.made, allocate(packing.made.bytes()));
  packing.pack(*packing.constant, made);
  return made;
}

// Calls f(0) to f(n - 1), in any order, at the same time if it likes.
using ForEach = std::function<void(std::size_t n, const std::function<void(std::size_t)>& f)>;

// Safe to share between threads. Packed constants are plain bytes: they can be counted, and written to a file.
class PackStore {
 public:
  // `packed_from` is called with each constant that was read, so that mapped pages of it can be given back; from
  // several threads.
  explicit PackStore(std::function<void(const Tensor&)> packed_from = {}) : packed_from_(std::move(packed_from)) {}

  // Bytes of a file, which are used instead of packing where type and size are what the packing makes.
  void provide(const Tensor& constant, std::string name, DType dtype, Bytes data, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    provided_.insert_or_assign(Key{&constant, std::move(name)}, Provided{dtype, std::move(data), bytes});
  }

  // Packs what is not there yet, `each` at a time; empty: one after another.
  void add(std::span<const Packing> wanted, const ForEach& each = {}) {
    const std::lock_guard lock(mutex_);  // also while packing: who asks for the same wants to wait for it
    std::vector<const Packing*> missing;
    std::set<Key> seen;
    for (const Packing& packing : wanted)
      if (const Key key{packing.constant, packing.name}; !packed_.contains(key) && seen.insert(key).second)
        missing.push_back(&packing);
    std::vector<Tensor> made = room_for(missing);
    const auto pack = [&](std::size_t i) {
      if (const Provided* bytes = provided(*missing[i])) {
        made[i] = Tensor(missing[i]->made, bytes->data);
        return;
      }
      missing[i]->pack(*missing[i]->constant, made[i]);
      if (packed_from_) packed_from_(*missing[i]->constant);
    };
    std::atomic<std::size_t> next = 0;  // in the order in which they are wanted, however `each` goes
    if (each && missing.size() > 1)
      each(missing.size(), [&](std::size_t) { pack(next++); });
    else
      for (std::size_t i = 0; i < missing.size(); ++i) pack(i);
    for (std::size_t i = 0; i < missing.size(); ++i)
      packed_.emplace(Key{missing[i]->constant, missing[i]->name}, std::move(made[i]));
  }

  // The result lives as long as the store.
  const Tensor& get(const Packing& packing) {
    add({&packing, 1});
    const std::lock_guard lock(mutex_);
    return packed_.at({packing.constant, packing.name});
  }

  // Calls f(constant, name, packed) for all that was asked for so far.
  template <class F>
  void for_each(const F& f) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, tensor] : packed_) f(*key.first, key.second, tensor);
  }

  std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    std::size_t sum = 0;
    for (const auto& [key, tensor] : packed_) sum += tensor.type().bytes();
    return sum;
  }

 private:
  using Key = std::pair<const Tensor*, std::string>;
  struct Provided {
    DType dtype;
    Bytes data;
    std::size_t bytes;
  };
  // Null: to be packed.
  const Provided* provided(const Packing& packing) const {
    const auto it = provided_.find({packing.constant, packing.name});
    const bool fits =
        it != provided_.end() && packing.made.dtype == it->second.dtype && packing.made.bytes() == it->second.bytes;
    return fits ? &it->second : nullptr;
  }

  // All in one allocation: threads that each asked the system for theirs would wait for each other.
  std::vector<Tensor> room_for(std::span<const Packing* const> missing) const {
    const auto bytes_of = [&](const Packing* packing) {
      return provided(*packing) != nullptr ? 0 : aligned(packing->made.bytes());
    };
    std::size_t bytes = 0;
    for (const Packing* packing : missing) bytes += bytes_of(packing);
    const Bytes all = allocate(bytes);
    std::byte* next = all.get();
    std::vector<Tensor> room;
    for (const Packing* packing : missing) {
      room.emplace_back(packing->made, Bytes(all, next));
      next += bytes_of(packing);
    }
    return room;
  }

  std::function<void(const Tensor&)> packed_from_;
  mutable std::mutex mutex_;
  std::map<Key, Tensor> packed_;
  std::map<Key, Provided> provided_;
};

}  // namespace v0
}  // namespace coverslip
