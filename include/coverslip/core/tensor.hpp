// Values in memory: a Tensor holds one, a View looks at one or at part of one.
#pragma once
#include <cassert>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "coverslip/core/dtype.hpp"
#include "coverslip/core/layout.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr std::size_t kAlign = 64;  // a cache line, and the widest vector

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// Memory that may be shared: an allocation of ours, a mapped file, an array of the caller's.
using Bytes = std::shared_ptr<std::byte>;

// Aligned to kAlign, not initialized. Throws Error(OutOfMemory).
inline Bytes allocate(std::size_t bytes) {
  constexpr std::align_val_t kAlignment{kAlign};
  auto* data = static_cast<std::byte*>(::operator new(bytes + (bytes == 0), kAlignment, std::nothrow));
  if (data == nullptr)
    throw Error(Errc::OutOfMemory, "memory", "the system does not give ", bytes,
                " bytes; Options.max_memory sets a limit");
  return Bytes(data, [](std::byte* p) { ::operator delete(p, kAlignment); });
}

struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
  std::size_t bytes() const { return static_cast<std::size_t>(shape.elements()) * size_of(dtype); }
  bool operator==(const TensorType&) const = default;
};
using Types = std::vector<TensorType>;

inline std::string to_string(const TensorType& type) {
  return std::string(to_string(type.dtype)) + " " + to_string(type.shape);
}

// Elements are named by the logical coordinates of the whole value, wherever the memory begins: it may hold the value,
// a slab of it, or lie inside a bigger one. A const View reads, a View writes.
class View {
 public:
  View() = default;
  View(std::byte* data, DType dtype, const Index& strides, const Box& held)
      : data_(data), dtype_(dtype), shape_(held.shape()), strides_(strides), origin_(held.origin()) {}
  View(std::byte* data, DType dtype, Layout layout, const Box& held)
      : View(data, dtype, strides_of(layout, held.shape()), held) {}

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }      // of what is held
  const Index& strides() const { return strides_; }  // in elements
  const Index& origin() const { return origin_; }    // of the first element held
  Box held() const {
    Box box(shape_);
    for (std::size_t axis = 0; axis < box.rank(); ++axis) {
      box[axis].begin += origin_[axis];
      box[axis].end += origin_[axis];
    }
    return box;
  }

  std::byte* at(const Index& index) { return data_ + offset(index); }
  const std::byte* at(const Index& index) const { return data_ + offset(index); }
  template <class T>
  T* as(const Index& index) {
    assert(dtype_ == kDTypeOf<T>);
    return reinterpret_cast<T*>(at(index));
  }
  template <class T>
  const T* as(const Index& index) const {
    assert(dtype_ == kDTypeOf<T>);
    return reinterpret_cast<const T*>(at(index));
  }

 private:
  std::ptrdiff_t offset(const Index& index) const {
    assert(held().contains(index));
    Dim elements = 0;
    for (std::size_t axis = 0; axis < index.rank(); ++axis) elements += (index[axis] - origin_[axis]) * strides_[axis];
    return elements * static_cast<Dim>(size_of(dtype_));
  }

  std::byte* data_ = nullptr;
  DType dtype_ = DType::f32;
  Shape shape_;
  Index strides_, origin_;
};

// Calls f(index, n) for runs of n elements that lie side by side in both views.
template <class F>
void for_each_run(const Box& box, const View& a, const View& b, const F& f) {
  Box heads = box;
  std::size_t run = box.rank();
  Dim n = 1;
  for (std::size_t axis = 0; axis < box.rank(); ++axis)
    if (a.strides()[axis] == 1 && b.strides()[axis] == 1 && box[axis].extent() > n) {
      run = axis;
      n = box[axis].extent();
    }
  if (run < box.rank()) heads[run].end = heads[run].begin + 1;
  for_each(heads, [&](const Index& at) { f(at, static_cast<std::size_t>(n)); });
}

// A whole value: dense and Planar (row-major in its logical axes). A copy has memory of its own.
class Tensor {
 public:
  Tensor() = default;
  // Zeros.
  explicit Tensor(const TensorType& type) : Tensor(type, allocate(type.bytes())) {
    std::memset(data_.get(), 0, type.bytes());
  }
  // Takes the memory as it is; it holds at least type.bytes(). Memory that is only readable makes a Tensor only to be
  // read.
  Tensor(const TensorType& type, Bytes data) : type_(type), data_(std::move(data)) {}
  template <class T>
  Tensor(const Shape& shape, std::initializer_list<T> values) : Tensor(TensorType{kDTypeOf<T>, shape}) {
    if (values.size() != this->values<T>().size())
      throw Error(Errc::BadInput, "Tensor", "shape ", shape, " wants ", shape.elements(), " values, got ",
                  values.size());
    std::size_t i = 0;
    for (const T& value : values) this->values<T>()[i++] = value;
  }
  Tensor(const Tensor& other) : Tensor(other.type_, other.data_ ? allocate(other.type_.bytes()) : nullptr) {
    if (data_) std::memcpy(data_.get(), other.data_.get(), type_.bytes());
  }
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(const Tensor& other) { return *this = Tensor(other); }
  Tensor& operator=(Tensor&&) noexcept = default;
  ~Tensor() = default;

  const TensorType& type() const { return type_; }
  const Shape& shape() const { return type_.shape; }
  DType dtype() const { return type_.dtype; }
  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  const Bytes& memory() const { return data_; }

  // The elements in row-major order. Throws Error(BadInput) if T is not their type.
  template <class T>
  std::span<T> values() {
    return {typed<T>(), type_.bytes() / sizeof(T)};
  }
  template <class T>
  std::span<const T> values() const {
    return {typed<T>(), type_.bytes() / sizeof(T)};
  }
  // Place of the largest element; the first of equals. f32 only.
  std::size_t argmax() const {
    const auto x = values<float>();
    std::size_t best = 0;
    for (std::size_t i = 1; i < x.size(); ++i)
      if (x[i] > x[best]) best = i;
    return best;
  }

  View view() { return {data_.get(), type_.dtype, Layout::Planar, Box(type_.shape)}; }
  const View view() const { return {data_.get(), type_.dtype, Layout::Planar, Box(type_.shape)}; }

 private:
  template <class T>
  T* typed() const {
    if (type_.dtype != kDTypeOf<T>)
      throw Error(Errc::BadInput, "Tensor", "holds ", type_.dtype, ", was asked for ", kDTypeOf<T>);
    return reinterpret_cast<T*>(data_.get());
  }
  TensorType type_;
  Bytes data_;
};

}  // namespace v0
}  // namespace coverslip
