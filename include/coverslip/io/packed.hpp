// Packed constants of a file (PACK, PNAM, PDAT): how they are checked, and found again.
#pragma once
#include "coverslip/graph/graph.hpp"
#include "coverslip/io/container.hpp"
#include "coverslip/io/strings.hpp"

namespace coverslip {
inline namespace v0 {
namespace io {

class PackedRecords {
 public:
  explicit PackedRecords(const Container& container)
      : records_(container.table(format::pack::kSection)),
        names_(container.table(format::pnam::kSection)),
        payloads_(container.table(format::pdat::kSection)) {}

  // `spend(bytes, i)` is told what record i takes in a Graph. Allocates nothing.
  template <class F>
  void check(std::uint64_t constants, const F& spend) const {
    using namespace format::pack;
    std::uint64_t named = 0, paid = 0, last = 0;
    std::string_view before;
    for (std::uint64_t i = 0; i < records_.size(); ++i) {
      const std::uint64_t constant = records_(i, kConstant);
      if (constant >= constants)
        records_.refuse(Errc::BadModel, i, kConstant, "expected a constant less than ", constants, ", found ",
                        constant);
      if (constant < last)
        records_.refuse(Errc::BadModel, i, kConstant, "expected at least ", last, ", found ", constant);
      const std::string_view name = check_name(i, named);
      if (i > 0 && constant == last && name <= before)
        records_.refuse(Errc::BadModel, i, kEnd, "expected the names of a constant's packings sorted, found ", named);
      paid = check_payload(i, paid);
      spend(sizeof(PackedConstant) + name.size(), i);
      last = constant;
      before = name;
    }
    whole(names_, named);
    whole(payloads_, paid);
  }

  std::uint64_t size() const { return records_.size(); }
  // Throws where the file has changed since it was checked. `owner` is the whole file.
  PackedConstant get(std::uint64_t i, std::uint64_t constants, const Bytes& owner) const {
    using namespace format::pack;
    std::uint64_t begin = i == 0 ? 0 : records_(i - 1, kEnd);
    const std::string_view name = check_name(i, begin);
    const std::uint64_t constant = records_(i, kConstant), dtype = records_(i, kDtype), offset = records_(i, kOffset),
                        size = records_(i, kSize);
    if (constant >= constants || dtype > kDtype.most || offset % format::kAlign != 0 || offset > payloads_.size() ||
        size > payloads_.size() - offset)
      records_.refuse(Errc::BadModel, i, kConstant, "expected what was checked, found that the file has changed");
    return {.constant = static_cast<ValueId>(constant),
            .packing = std::string(name),
            .version = static_cast<std::uint32_t>(records_(i, kVersion)),
            .dtype = static_cast<DType>(dtype),
            .data = Bytes(owner, owner.get() + payloads_.offset() + offset),
            .bytes = static_cast<std::size_t>(size)};
  }

 private:
  // The name of record i, which begins at `begin`; that becomes its end.
  std::string_view check_name(std::uint64_t i, std::uint64_t& begin) const {
    using namespace format::pack;
    const std::uint64_t end = records_(i, kEnd), size = names_.bytes().size();
    if (end <= begin || end > size || end - begin > format::kMaxName)
      records_.refuse(Errc::BadModel, i, kEnd, "expected ", begin + 1, " to ", std::min(size, begin + format::kMaxName),
                      ", found ", end);
    const auto bytes = names_.bytes().subspan(begin, end - begin);
    for (std::size_t at = 0; at < bytes.size(); ++at)
      if (bytes[at] < std::byte{0x20} || bytes[at] > std::byte{0x7E})
        throw Error(Errc::BadModel, place(names_.offset() + begin + at, "PNAM[" + std::to_string(i) + "]"),
                    "expected ASCII without control characters, found byte ", std::to_integer<unsigned>(bytes[at]));
    begin = end;
    return as_text(bytes);
  }

  // Payloads tile PDAT. Returns where this one ends.
  std::uint64_t check_payload(std::uint64_t i, std::uint64_t before) const {
    using namespace format::pack;
    const std::uint64_t offset = padded(before), size = records_(i, kSize),
                        each = size_of(static_cast<DType>(records_(i, kDtype)));
    records_.equal(i, kOffset, offset);
    if (offset > payloads_.size() || size > payloads_.size() - offset || size % each != 0)
      records_.refuse(Errc::BadModel, i, kSize, "expected a multiple of ", each, " within PDAT, found ", size);
    for (std::uint64_t at = before; at < offset; ++at)
      if (payloads_.bytes()[at] != std::byte{0})
        throw Error(Errc::BadModel, place(payloads_.offset() + at, "PDAT.padding"), "expected 0, found ",
                    std::to_integer<unsigned>(payloads_.bytes()[at]));
    return offset + size;
  }

  static void whole(const Table& table, std::uint64_t end) {
    if (end != table.size())
      throw Error(Errc::BadModel, place(table.offset(), table.section().name, ".size"), "expected ", end, ", found ",
                  table.size());
  }

  const Table &records_, &names_, &payloads_;
};

}  // namespace io
}  // namespace v0
}  // namespace coverslip
