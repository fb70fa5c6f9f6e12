// Constants of 16-bit floats that a Cast widens to f32: they stay as the file has them until a step wants them packed.
#pragma once
#include "coverslip/graph/pack_store.hpp"
#include "coverslip/ops/elementwise/cast.hpp"
#include "coverslip/plan/plan.hpp"

namespace coverslip {
inline namespace v0 {

// Elements. What is smaller (sizes, scales, limits) is widened when the Cast is planned: operators look at it.
inline constexpr Dim kLeastWidenedLate = 1024;

// Of a constant of type `from`.
inline bool is_widened_late(const Node& cast, const TensorType& from) {
  return cast.op == "Cast" && ops::is_half(from.dtype) && ops::cast_target(cast) == DType::f32 &&
         from.shape.elements() >= kLeastWidenedLate;
}

// Whether the value is f32 and its constant still of 16 bits.
inline bool is_widened_late(const PlannedValue& value) {
  return value.constant != nullptr && value.constant->dtype() != value.type.dtype;
}

// In memory of its own, or in what is given.
inline Tensor widened(const Tensor& constant, const HalfKernels& kernels, Bytes memory = nullptr) {
  const TensorType type{DType::f32, constant.shape()};
  Tensor wide(type, memory ? std::move(memory) : allocate(type.bytes()));
  ops::cast_row_of(constant.dtype(), DType::f32, kernels)(constant.data(), wide.data(),
                                                          static_cast<std::size_t>(type.shape.elements()));
  return wide;
}

// Memory for the f32 copies that live while a constant is packed, several at a time: each takes that of one before it.
// Any allocator gives so much at once its own pages, which go back to the system; smaller pieces would leave holes
// between what is packed. Pages that are not written are not there. Safe to share between threads.
class WideMemory {
 public:
  explicit WideMemory(const HalfKernels& kernels) : kernels_(kernels) {}

  // Without `pack` the widened constant itself.
  void pack(const Tensor& constant, const Pack& pack, Tensor& packed) {
    if (!pack) {
      widened(constant, kernels_, packed.memory());
      return;
    }
    Piece piece = take(TensorType{DType::f32, constant.shape()}.bytes());
    pack(widened(constant, kernels_, piece.data), packed);
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(piece));
  }

 private:
  struct Piece {
    std::size_t bytes = 0;
    Bytes data{};
  };

  // One that is not much too big; what does not fit is let go.
  Piece take(std::size_t bytes) {
    Piece piece;
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        piece = std::move(free_.back());
        free_.pop_back();
      }
    }
    if (bytes <= piece.bytes && piece.bytes / 2 <= bytes) return piece;
    piece = {};
    return {bytes, allocate(std::max(bytes, kLeast))};
  }

  static constexpr std::size_t kLeast = std::size_t{33} << 20;
  const HalfKernels& kernels_;
  std::mutex mutex_;
  std::vector<Piece> free_;
};

// The packing of the widened constant as one of the constant itself; without `of_wide` it is only widened. It packs as
// long as the memory is there.
inline Packing widened_packing(const Tensor& constant, const std::optional<Packing>& of_wide, WideMemory& memory) {
  return {&constant, of_wide ? "widened, " + of_wide->name : "widened",
          [&memory, pack = of_wide ? of_wide->pack : nullptr](const Tensor& half, Tensor& packed) {
            memory.pack(half, pack, packed);
          },
          of_wide ? of_wide->made : TensorType{DType::f32, constant.shape()}};
}

inline std::size_t bytes_to_widen(const Packing& packing) {
  return ops::is_half(packing.constant->dtype()) ? packing.constant->type().bytes() : 0;
}

}  // namespace v0
}  // namespace coverslip
