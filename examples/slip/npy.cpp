// Implements npy.hpp.
#include "npy.hpp"

#include <bit>
#include <charconv>
#include <fstream>

namespace coverslip::tool {
namespace {

static_assert(std::endian::native == std::endian::little, "the arrays are read and written as they lie in memory");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMostHeader = 65535;

constexpr struct {
  std::string_view descr;
  DType dtype;
} kTypes[] = {{"<f4", DType::f32}, {"<f2", DType::f16}, {"|i1", DType::i8},     {"|u1", DType::u8},
              {"<i4", DType::i32}, {"<i8", DType::i64}, {"|b1", DType::boolean}};

[[noreturn]] void refuse(const std::string& path, const std::string& why) { throw Error(Errc::BadInput, path, why); }

std::ifstream open(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(Errc::Io, path, "cannot be opened for reading");
  return file;
}

// The header is a Python dictionary; this reads the one form that numpy.save writes, its keys in any order.
class Header {
 public:
  Header(const std::string& path, std::string_view text) : path_(path), rest_(text) {
    want("{");
    while (!next("}")) {
      const std::string_view key = quoted();
      want(":");
      if (key == "descr")
        once(has_descr_), descr_ = quoted();
      else if (key == "fortran_order")
        once(has_order_), fortran_ = boolean();
      else if (key == "shape")
        once(has_shape_), shape();
      else
        bad();
      if (!next(",") && !ahead("}")) bad();
    }
    if (!rest_.empty() || !has_descr_ || !has_order_ || !has_shape_) bad();
  }

  TensorType type() const {
    if (fortran_) throw Error(Errc::Unsupported, path_, "is in Fortran order; save numpy.ascontiguousarray(x)");
    for (const auto& known : kTypes)
      if (known.descr == descr_) return {known.dtype, shape_};
    throw Error(Errc::Unsupported, path_, "holds elements of type '", descr_,
                "'; save them as the model wants them, such as x.astype('<f4')");
  }

 private:
  [[noreturn]] void bad() const { refuse(path_, "its .npy header is not as numpy.save writes it"); }
  void skip() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size())); }
  bool ahead(std::string_view token) {
    skip();
    return rest_.starts_with(token);
  }
  bool next(std::string_view token) {
    if (!ahead(token)) return false;
    rest_.remove_prefix(token.size());
    skip();
    return true;
  }
  void want(std::string_view token) {
    if (!next(token)) bad();
  }
  void once(bool& seen) const {
    if (std::exchange(seen, true)) bad();
  }
  std::string_view quoted() {
    want("'");
    const std::size_t end = rest_.find('\'');
    if (end == rest_.npos) bad();
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool boolean() {
    if (next("True")) return true;
    want("False");
    return false;
  }
  void shape() {
    want("(");
    while (!next(")")) {
      Dim dim = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), dim);
      if (error != std::errc{} || dim < 0) bad();
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      shape_.push_back(dim);
      if (!next(",") && !ahead(")")) bad();
    }
  }

  const std::string& path_;
  std::string_view rest_, descr_;
  bool fortran_ = false, has_descr_ = false, has_order_ = false, has_shape_ = false;
  Shape shape_;
};

}  // namespace

bool is_npy(const std::string& path) {
  std::ifstream file = open(path);
  char magic[kMagic.size()] = {};
  file.read(magic, sizeof magic);
  return std::string_view(magic, sizeof magic) == kMagic;
}

Tensor read_npy(const std::string& path) {
  std::ifstream file = open(path);
  const auto read = [&](char* to, std::size_t n) {
    if (!file.read(to, static_cast<std::streamsize>(n))) refuse(path, "the file is cut short");
  };
  unsigned char start[12] = {};  // magic, version, and the header's length in two or four bytes
  read(reinterpret_cast<char*>(start), 10);
  if (std::string_view(reinterpret_cast<char*>(start), kMagic.size()) != kMagic) refuse(path, "is no .npy file");
  const unsigned version = start[6];
  if (version < 1 || version > 3 || start[7] != 0)
    throw Error(Errc::Unsupported, path, "is of .npy version ", version, ".", unsigned{start[7]},
                ", this reads 1.0, 2.0 and 3.0");
  if (version > 1) read(reinterpret_cast<char*>(start) + 10, 2);
  const std::size_t length =
      start[8] | std::size_t{start[9]} << 8 | std::size_t{start[10]} << 16 | std::size_t{start[11]} << 24;
  if (length > kMostHeader) refuse(path, "its .npy header says that it is longer than 65535 bytes");
  std::string text(length, '\0');
  read(text.data(), length);
  const TensorType type = Header(path, text).type();

  const std::streamoff data = file.tellg();
  const std::streamoff size = file.seekg(0, std::ios::end).tellg();
  if (size < data || static_cast<std::size_t>(size - data) != type.bytes())
    refuse(path, "its header promises " + std::to_string(type.bytes()) + " bytes of " + to_string(type) + ", it has " +
                     std::to_string(size - data));
  file.seekg(data);
  Tensor tensor(type, allocate(type.bytes()));
  read(reinterpret_cast<char*>(tensor.data()), type.bytes());
  return tensor;
}

void write_npy(const std::string& path, const Tensor& tensor) {
  if (tensor.dtype() == DType::bf16) {
    Tensor wide(TensorType{DType::f32, tensor.shape()});
    const auto from = tensor.values<BFloat16>();
    for (std::size_t i = 0; i < from.size(); ++i) wide.values<float>()[i] = to_float(from[i]);
    return write_npy(path, wide);
  }
  std::string dims;
  for (const Dim d : tensor.shape()) dims += std::to_string(d) + ", ";
  if (tensor.shape().rank() > 1) dims.resize(dims.size() - 2);
  const auto* known = std::begin(kTypes);
  while (known->dtype != tensor.dtype()) ++known;
  std::string header =
      "{'descr': '" + std::string(known->descr) + "', 'fortran_order': False, 'shape': (" + dims + "), }";
  const std::size_t before = kMagic.size() + 4;
  header.resize(aligned(before + header.size() + 1) - before - 1, ' ');
  header += '\n';

  std::ofstream file(path, std::ios::binary);
  if (!file) throw Error(Errc::Io, path, "cannot be opened for writing");
  const char rest[] = {1, 0, static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  file << kMagic << std::string_view(rest, sizeof rest) << header;
  file.write(reinterpret_cast<const char*>(tensor.data()), static_cast<std::streamsize>(tensor.type().bytes()));
  if (!file.flush()) throw Error(Errc::Io, path, "not everything could be written; is the disk full?");
}

}  // namespace coverslip::tool
