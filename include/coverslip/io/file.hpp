// Brings a file into memory: mapped where the system can, read where it cannot.
#pragma once
#include <fstream>
#include <functional>

#include "coverslip/io/reader.hpp"

#if defined(__unix__) || defined(__APPLE__)
#define COVERSLIP_HAS_MMAP 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace coverslip {
inline namespace v0 {

// The bytes of a file, only to be read. Replace a file that is in use by renaming another to its name, as the converter
// does: one that is changed in place changes under the model.
struct FileBytes {
  Bytes data;
  std::size_t size = 0;
  std::span<const std::byte> bytes() const { return {data.get(), size}; }
};

namespace io {

[[noreturn]] inline void refuse_file(const std::string& path, const char* what, int error) {
  throw Error(Errc::Io, path, what, ": ", error == 0 ? "it is not a regular file" : std::strerror(error));
}

#ifdef COVERSLIP_HAS_MMAP
// Closes the descriptor at the end of the scope; the mapping stays.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (number_ < 0) refuse_file(path, "cannot be opened", errno);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(number_); }
  int number() const { return number_; }

 private:
  int number_;
};
#endif

}  // namespace io

// Throws Error(Io); Error(OverBudget) where the file is larger than limits.file_bytes.
inline FileBytes open_file(const std::string& path, const Limits& limits = {}) {
  const auto check_size = [&](std::uint64_t size) {
    if (size > limits.file_bytes)
      throw Error(Errc::OverBudget, path, "expected at most ", limits.file_bytes, " bytes, found ", size,
                  "; raise Limits.file_bytes if the file is trusted");
    return static_cast<std::size_t>(size);
  };
#ifdef COVERSLIP_HAS_MMAP
  const io::Descriptor file(path);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) io::refuse_file(path, "cannot be read", errno);
  if (!S_ISREG(status.st_mode)) io::refuse_file(path, "cannot be read", 0);
  const std::size_t size = check_size(static_cast<std::uint64_t>(status.st_size));
  if (size == 0) return {allocate(0), 0};
  void* begin = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (begin == MAP_FAILED) io::refuse_file(path, "cannot be mapped", errno);
  const auto unmap = [size](std::byte* p) { ::munmap(p, size); };
  return {Bytes(static_cast<std::byte*>(begin), unmap), size};
#else
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw Error(Errc::Io, path, "cannot be opened");
  const std::size_t size = check_size(static_cast<std::uint64_t>(std::streamoff(file.tellg())));
  FileBytes bytes{allocate(size), size};
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data.get()), static_cast<std::streamsize>(size)))
    throw Error(Errc::Io, path, "cannot be read");
  return bytes;
#endif
}

// Lets the system take back the pages that hold nothing but this constant: they are read again when they are asked for.
// Without a mapping it does nothing.
inline void give_back([[maybe_unused]] const FileBytes& file, [[maybe_unused]] const Tensor& constant) {
#ifdef COVERSLIP_HAS_MMAP
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(constant.data());
  const auto begin = (first + page - 1) / page * page, end = (first + constant.type().bytes()) / page * page;
  const std::byte* data = file.data.get();
  const bool inside = !std::less<>()(constant.data(), data) && std::less<>()(constant.data(), data + file.size);
  if (inside && begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
#endif
}

// As read_graph(), and Error(Io).
inline Graph read_file(const std::string& path, const Limits& limits = {}) {
  const FileBytes file = open_file(path, limits);
  return read_graph(file.data, file.size, limits);
}

}  // namespace v0
}  // namespace coverslip
#undef COVERSLIP_HAS_MMAP
