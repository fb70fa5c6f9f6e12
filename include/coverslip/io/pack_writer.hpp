// Writes a .slip file again, with packed constants beside the plain ones.
#pragma once
#include <filesystem>
#include <map>

#include "coverslip/io/file.hpp"

namespace coverslip {
inline namespace v0 {
namespace io {

inline void put(std::span<std::byte> at, std::uint64_t number) { std::memcpy(at.data(), &number, at.size()); }

// One record, its numbers in the order of the fields.
inline void append_record(std::vector<std::byte>& bytes, const Section& section,
                          std::initializer_list<std::uint64_t> numbers) {
  const std::size_t begin = bytes.size();
  bytes.resize(begin + section.record_size);
  auto number = numbers.begin();
  for (const Field& field : section.fields)
    if (number != numbers.end()) put(std::span(bytes).subspan(begin + field.offset, width(field.type)), *number++);
}

// A file in pieces, which lie elsewhere.
class PackedFile {
 public:
  // `file` is one that was read; packed constants that it holds already are left out. `packed` is sorted by constant
  // and packing. Both must outlive this.
  PackedFile(std::span<const std::byte> file, std::span<const PackedConstant> packed) {
    copy_sections(file);
    add_packed(packed);
    seal();
  }
  const std::vector<std::span<const std::byte>>& pieces() const { return pieces_; }

 private:
  struct Contents {
    std::uint64_t record_size = 1, critical = 0;
    std::vector<std::span<const std::byte>> pieces{};
    std::uint64_t size = 0;
    std::optional<Digest> hash{};  // known already
  };

  void copy_sections(std::span<const std::byte> file) {
    using namespace format::sect;
    const Table head(format::head::kSection, {file.first(format::kHeader), 0});
    const std::uint64_t count = head(0, format::head::kSections);
    const Table sect(kSection, {file.subspan(format::kHeader, count * kSection.record_size), format::kHeader});
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto kind = static_cast<std::uint32_t>(sect(i, kKind));
      if (kind == format::pack::kSection.kind || kind == format::pnam::kSection.kind ||
          kind == format::pdat::kSection.kind)
        continue;
      Contents& contents = contents_[kind];
      contents.record_size = sect(i, kRecordSize);
      contents.critical = sect(i, kFlags);
      add(contents, file.subspan(sect(i, kOffset), sect(i, kSize)));
      Digest& hash = contents.hash.emplace();
      std::ranges::copy(file.subspan(sect.offset(i, kSha256), hash.size()), hash.begin());
    }
  }

  void add_packed(std::span<const PackedConstant> packed) {
    if (packed.empty()) return;
    Contents& payloads = contents_[format::pdat::kSection.kind];
    for (const PackedConstant& each : packed) {
      names_ += each.packing;
      const std::uint64_t offset = padded(payloads.size);
      add(payloads, std::span(kZeros).first(offset - payloads.size));
      add(payloads, {each.data.get(), each.bytes});
      append_record(
          records_, format::pack::kSection,
          {each.constant, names_.size(), each.version, static_cast<std::uint64_t>(each.dtype), offset, each.bytes});
    }
    Contents& records = contents_[format::pack::kSection.kind];
    records.record_size = format::pack::kSection.record_size;
    add(records, records_);
    add(contents_[format::pnam::kSection.kind], std::as_bytes(std::span(names_)));
  }

  static void add(Contents& contents, std::span<const std::byte> piece) {
    if (!piece.empty()) contents.pieces.push_back(piece);
    contents.size += piece.size();
  }

  // Header, section records, and the padding between the sections.
  void seal() {
    head_.resize(format::kHeader);
    std::uint64_t end = format::kHeader + contents_.size() * format::sect::kSection.record_size;
    pieces_.emplace_back();  // the header and the section records, once they are whole
    for (auto& [kind, contents] : contents_) {
      const std::uint64_t offset = padded(end);
      if (!contents.hash) {
        Sha256 hash;
        for (const auto& piece : contents.pieces) hash.add(piece);
        contents.hash = hash.digest();
      }
      append_record(head_, format::sect::kSection,
                    {kind, contents.record_size, contents.critical, offset, contents.size, contents.size});
      std::ranges::copy(*contents.hash, head_.end() - sizeof(Digest));
      pieces_.push_back(std::span(kZeros).first(offset - end));
      pieces_.insert(pieces_.end(), contents.pieces.begin(), contents.pieces.end());
      end = offset + contents.size;
    }
    std::vector<std::byte> first;
    append_record(first, format::head::kSection,
                  {format::head::kMagic.least, format::head::kVersion.least, format::kHeader, end, contents_.size()});
    std::ranges::copy(first, head_.begin());
    const std::span<const std::byte> head(head_);
    const Digest root = Sha256().add(head.first(format::kRoot)).add(head.subspan(format::kHeader)).digest();
    std::ranges::copy(root, head_.begin() + format::kRoot);
    pieces_.front() = head_;
  }

  static constexpr std::array<std::byte, format::kAlign> kZeros{};
  std::map<std::uint32_t, Contents> contents_;  // by kind
  std::vector<std::byte> head_, records_;
  std::string names_;
  std::vector<std::span<const std::byte>> pieces_;
};

}  // namespace io

// Writes beside `path`, reads back, and only then takes the name; a file of that name may be the one that is read.
// Throws Error(Io).
inline void write_packed(const std::string& path, std::span<const std::byte> file,
                         std::span<const PackedConstant> packed) {
  const io::PackedFile whole(file, packed);
  const std::string part = path + ".part";
  std::error_code ignored;
  try {
    std::ofstream out(part, std::ios::binary | std::ios::trunc);
    for (const auto& piece : whole.pieces())
      out.write(reinterpret_cast<const char*>(piece.data()), static_cast<std::streamsize>(piece.size()));
    out.close();
    if (!out) throw Error(Errc::Io, path, "cannot be written");
    check_structure(open_file(part).bytes());
    std::error_code error;
    std::filesystem::rename(part, path, error);
    if (error) throw Error(Errc::Io, path, "cannot be written: ", error.message());
  } catch (...) {
    std::filesystem::remove(part, ignored);
    throw;
  }
}

}  // namespace v0
}  // namespace coverslip
