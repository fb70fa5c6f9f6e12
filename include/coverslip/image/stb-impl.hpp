// The one file that includes stb: private to one translation unit, and within a budget of memory.
#pragma once
#ifdef STBI_INCLUDE_STB_IMAGE_H
#error \
    "include coverslip/image/image-impl.hpp before stb_image.h, or in another .cpp: coverslip compiles a private copy"
#endif
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "coverslip/core/error.hpp"

namespace coverslip {
inline namespace v0 {
namespace image {

// The memory of one call into stb. It gives no more than `limit` bytes at once, and takes back whatever is left when it
// ends, so that stb may also be left by an exception. stb's allocators have no argument to carry it, hence the pointer.
class Budget {
 public:
  explicit Budget(std::size_t limit) : left_(limit), outer_(current()) { current() = this; }
  ~Budget() { current() = outer_; }
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  bool exceeded() const { return exceeded_; }
  static Budget*& current() {
    thread_local Budget* budget = nullptr;
    return budget;
  }
  void* allocate(std::size_t bytes) {
    exceeded_ |= bytes > left_;
    if (bytes > left_) return nullptr;
    std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[std::max<std::size_t>(bytes, 1)]);
    if (memory == nullptr) return nullptr;
    left_ -= bytes;
    blocks_.push_back({std::move(memory), bytes});
    return blocks_.back().memory.get();
  }
  void free(const void* memory) {
    for (Block& block : blocks_)
      if (block.memory.get() == memory) {
        left_ += block.bytes;
        std::swap(block, blocks_.back());
        blocks_.pop_back();
        return;
      }
  }
  void* reallocate(void* memory, std::size_t old_bytes, std::size_t bytes) {
    void* moved = allocate(bytes);
    if (moved == nullptr || memory == nullptr) return moved;
    std::memcpy(moved, memory, std::min(old_bytes, bytes));
    free(memory);
    return moved;
  }

 private:
  struct Block {
    std::unique_ptr<std::byte[]> memory;
    std::size_t bytes;
  };
  std::vector<Block> blocks_;
  std::size_t left_;
  Budget* outer_;
  bool exceeded_ = false;
};

[[noreturn]] inline void stb_assumption_failed() {
  throw Error(Errc::BadInput, "picture", "is damaged in a way that the decoder did not expect");
}

}  // namespace image
}  // namespace v0
}  // namespace coverslip

#define STBI_MALLOC(bytes) coverslip::image::Budget::current()->allocate(bytes)
#define STBI_REALLOC_SIZED(memory, old_bytes, bytes) \
  coverslip::image::Budget::current()->reallocate(memory, old_bytes, bytes)
#define STBI_REALLOC(memory, bytes) nullptr  // stb uses the sized form alone, but wants both
#define STBI_FREE(memory) coverslip::image::Budget::current()->free(memory)
#define STBI_ASSERT(condition) ((condition) ? void() : coverslip::image::stb_assumption_failed())
#define STBIW_MALLOC STBI_MALLOC
#define STBIW_REALLOC_SIZED STBI_REALLOC_SIZED
#define STBIW_REALLOC STBI_REALLOC
#define STBIW_FREE STBI_FREE
#define STBIW_ASSERT STBI_ASSERT
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_NO_SIMD  // the same bits on every CPU, whatever stb thinks of SSE2 and NEON
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#endif
#if __has_include(<stb_image.h>)  // first, so that a folder of the include path goes before an older /usr/include/stb
#include <stb_easy_font.h>
#include <stb_image.h>
#include <stb_image_write.h>
#else
#include <stb/stb_easy_font.h>
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#endif
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
#undef STB_IMAGE_IMPLEMENTATION
#undef STB_IMAGE_WRITE_IMPLEMENTATION
