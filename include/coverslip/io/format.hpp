// The layout of a .slip file; made from converters/src/coverslip/schema.py, so change it there.
// clang-format off
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace coverslip {
inline namespace v0 {
namespace format {

inline constexpr std::uint64_t kAlign = 64, kHeader = 64, kRoot = 32;
inline constexpr std::uint64_t kAny = ~std::uint64_t{0};
inline constexpr std::uint32_t kNone = 0xFFFFFFFFu;  // an absent input, a free dimension
inline constexpr std::uint32_t kMaxDim = 2147483647u, kMaxName = 1024u;
inline constexpr std::uint8_t kUnstated = 8;  // the dtype of a value whose type is not claimed

enum class Type : std::uint8_t { U8, U16, U32, U64, I64, F32, F32Inf, Hash };

// One number of a record, refused outside least..most; as unsupported, if a later version may allow it.
struct Field {
  std::string_view name;
  std::uint32_t offset;
  Type type;
  std::uint64_t least, most;
  bool unsupported = false;
  std::string_view hint = "";
};

struct Section {
  std::string_view name;
  std::uint32_t kind, record_size;
  std::uint64_t most;  // records
  std::span<const Field> fields;  // none: bytes
  bool critical = true;           // else a reader that does not know it skips it
  bool hashed = true;             // while reading; else when somebody asks
};

namespace head {  // the header, at byte 0
inline constexpr Field kMagic{"magic", 0, Type::U64, 727905342071788425u, 727905342071788425u, false, "this is no .slip file, or it was copied as text"};
inline constexpr Field kVersion{"version", 8, Type::U32, 1u, 1u, true, "a newer coverslip may read it"};
inline constexpr Field kHeaderSize{"header_size", 12, Type::U32, 64u, 64u};
inline constexpr Field kFileSize{"file_size", 16, Type::U64, 64u, kAny};
inline constexpr Field kSections{"sections", 24, Type::U32, 1u, 32u};
inline constexpr Field kFeatures{"features", 28, Type::U32, 0u, 0u, true, "a newer coverslip may read it"};
inline constexpr Field kRoot{"root", 32, Type::Hash, 0u, kAny};
inline constexpr Field kFields[] = {kMagic, kVersion, kHeaderSize, kFileSize, kSections, kFeatures, kRoot};
inline constexpr Section kSection{"HEAD", 0, 64, 2147483647u, kFields};
}  // namespace head

namespace sect {  // one of the section records, from byte 64
inline constexpr Field kKind{"kind", 0, Type::U32, 1u, 64u};
inline constexpr Field kRecordSize{"record_size", 4, Type::U16, 1u, kAny};
inline constexpr Field kFlags{"flags", 6, Type::U16, 0u, 1u};
inline constexpr Field kOffset{"offset", 8, Type::U64, 0u, kAny};
inline constexpr Field kSize{"size", 16, Type::U64, 1u, kAny};
inline constexpr Field kExpanded{"expanded", 24, Type::U64, 1u, kAny};
inline constexpr Field kSha256{"sha256", 32, Type::Hash, 0u, kAny};
inline constexpr Field kFields[] = {kKind, kRecordSize, kFlags, kOffset, kSize, kExpanded, kSha256};
inline constexpr Section kSection{"SECT", 0, 64, 2147483647u, kFields};
}  // namespace sect

namespace stri {  // strings: where each ends
inline constexpr Field kEnd{"end", 0, Type::U32, 0u, kAny};
inline constexpr Field kFirst{"first", 4, Type::U32, 0u, kAny};
inline constexpr Field kFields[] = {kEnd, kFirst};
inline constexpr Section kSection{"STRI", 1, 8, 2147483647u, kFields};
}  // namespace stri

namespace strs {  // strings: their UTF-8 bytes
inline constexpr Section kSection{"STRS", 2, 1, 2147483647u, {}};
}  // namespace strs

namespace dims {  // dimensions of values and of the golden inputs
inline constexpr Field kDim{"dim", 0, Type::U32, 0u, kAny};
inline constexpr Field kFields[] = {kDim};
inline constexpr Section kSection{"DIMS", 3, 4, 2147483647u, kFields};
}  // namespace dims

namespace ints {  // integers of attributes
inline constexpr Field kValue{"value", 0, Type::I64, 0u, kAny};
inline constexpr Field kFields[] = {kValue};
inline constexpr Section kSection{"INTS", 4, 8, 2147483647u, kFields};
}  // namespace ints

namespace flts {  // floating-point numbers of attributes
inline constexpr Field kValue{"value", 0, Type::F32Inf, 0u, kAny};
inline constexpr Field kFields[] = {kValue};
inline constexpr Section kSection{"FLTS", 5, 4, 2147483647u, kFields};
}  // namespace flts

namespace vals {  // values: constants, then inputs, then what the nodes make, in the nodes' order
inline constexpr Field kName{"name", 0, Type::U32, 0u, kAny};
inline constexpr Field kRole{"role", 4, Type::U8, 0u, 2u};
inline constexpr Field kDtype{"dtype", 5, Type::U8, 0u, 8u, true, "a newer coverslip may read it"};
inline constexpr Field kRank{"rank", 6, Type::U8, 0u, 8u};
inline constexpr Field kZero{"zero", 7, Type::U8, 0u, 0u};
inline constexpr Field kFields[] = {kName, kRole, kDtype, kRank, kZero};
inline constexpr Section kSection{"VALS", 6, 8, 2147483647u, kFields};
}  // namespace vals

namespace tens {  // payloads of the constants, one for each, in their order
inline constexpr Field kOffset{"offset", 0, Type::U64, 0u, kAny};
inline constexpr Field kSize{"size", 8, Type::U64, 0u, kAny};
inline constexpr Field kEncoding{"encoding", 16, Type::U32, 0u, 0u, true, "1 is a bit mask, 2 blocks, 3 gaps, 4 entropy-coded: sparse weights that this version does not read"};
inline constexpr Field kQuant{"quant", 20, Type::U32, 0u, 0u, true, "this version reads no quantized constants"};
inline constexpr Field kFields[] = {kOffset, kSize, kEncoding, kQuant};
inline constexpr Section kSection{"TENS", 7, 24, 2147483647u, kFields};
}  // namespace tens

namespace edge {  // inputs of the nodes
inline constexpr Field kValue{"value", 0, Type::U32, 0u, kAny};
inline constexpr Field kFields[] = {kValue};
inline constexpr Section kSection{"EDGE", 8, 4, 2147483647u, kFields};
}  // namespace edge

namespace attr {  // attributes of the nodes
inline constexpr Field kKey{"key", 0, Type::U32, 0u, kAny};
inline constexpr Field kType{"type", 4, Type::U32, 1u, 5u, true, "a newer coverslip may read it"};
inline constexpr Field kValue{"value", 8, Type::U32, 0u, kAny};
inline constexpr Field kFields[] = {kKey, kType, kValue};
inline constexpr Section kSection{"ATTR", 9, 12, 2147483647u, kFields};
}  // namespace attr

namespace node {  // nodes in an order in which they can run
inline constexpr Field kOp{"op", 0, Type::U32, 0u, kAny};
inline constexpr Field kName{"name", 4, Type::U32, 0u, kAny};
inline constexpr Field kVersion{"version", 8, Type::U32, 1u, 1u, true, "a newer coverslip may read it"};
inline constexpr Field kInputs{"inputs", 12, Type::U32, 0u, kAny};
inline constexpr Field kOutputs{"outputs", 16, Type::U32, 1u, kAny};
inline constexpr Field kAttributes{"attributes", 20, Type::U32, 0u, kAny};
inline constexpr Field kFields[] = {kOp, kName, kVersion, kInputs, kOutputs, kAttributes};
inline constexpr Section kSection{"NODE", 10, 24, 2147483647u, kFields};
}  // namespace node

namespace outp {  // outputs of the graph
inline constexpr Field kValue{"value", 0, Type::U32, 0u, kAny};
inline constexpr Field kFields[] = {kValue};
inline constexpr Section kSection{"OUTP", 11, 4, 1024u, kFields};
}  // namespace outp

namespace labl {  // class names of the first output
inline constexpr Field kText{"text", 0, Type::U32, 0u, kAny};
inline constexpr Field kFields[] = {kText};
inline constexpr Section kSection{"LABL", 12, 4, 2147483647u, kFields};
}  // namespace labl

namespace prep {  // how a picture becomes the first input
inline constexpr Field kLayout{"layout", 0, Type::U8, 0u, 1u};
inline constexpr Field kColor{"color", 1, Type::U8, 0u, 2u};
inline constexpr Field kResize{"resize", 2, Type::U8, 0u, 2u};
inline constexpr Field kMeans{"means", 3, Type::U8, 0u, 3u};
inline constexpr Field kStds{"stds", 4, Type::U8, 0u, 3u};
inline constexpr Field kZero0{"zero0", 5, Type::U8, 0u, 0u};
inline constexpr Field kZero1{"zero1", 6, Type::U8, 0u, 0u};
inline constexpr Field kZero2{"zero2", 7, Type::U8, 0u, 0u};
inline constexpr Field kWidth{"width", 8, Type::U32, 0u, 65535u};
inline constexpr Field kHeight{"height", 12, Type::U32, 0u, 65535u};
inline constexpr Field kScale{"scale", 16, Type::F32, 0u, kAny};
inline constexpr Field kMean0{"mean0", 20, Type::F32, 0u, kAny};
inline constexpr Field kMean1{"mean1", 24, Type::F32, 0u, kAny};
inline constexpr Field kMean2{"mean2", 28, Type::F32, 0u, kAny};
inline constexpr Field kStd0{"std0", 32, Type::F32, 0u, kAny};
inline constexpr Field kStd1{"std1", 36, Type::F32, 0u, kAny};
inline constexpr Field kStd2{"std2", 40, Type::F32, 0u, kAny};
inline constexpr Field kFields[] = {kLayout, kColor, kResize, kMeans, kStds, kZero0, kZero1, kZero2, kWidth, kHeight,
    kScale, kMean0, kMean1, kMean2, kStd0, kStd1, kStd2};
inline constexpr Section kSection{"PREP", 13, 44, 1u, kFields};
}  // namespace prep

namespace meta {  // what people want to know
inline constexpr Field kKey{"key", 0, Type::U32, 0u, kAny};
inline constexpr Field kText{"text", 4, Type::U32, 0u, kAny};
inline constexpr Field kFields[] = {kKey, kText};
inline constexpr Section kSection{"META", 14, 8, 2147483647u, kFields};
}  // namespace meta

namespace gold {  // the golden case: its seeded inputs
inline constexpr Field kSeed{"seed", 0, Type::U64, 0u, kAny};
inline constexpr Field kLow{"low", 8, Type::F32, 0u, kAny};
inline constexpr Field kHigh{"high", 12, Type::F32, 0u, kAny};
inline constexpr Field kTolerance{"tolerance", 16, Type::F32, 0u, kAny};
inline constexpr Field kFields[] = {kSeed, kLow, kHigh, kTolerance};
inline constexpr Section kSection{"GOLD", 15, 20, 1u, kFields};
}  // namespace gold

namespace smpl {  // the golden case: samples of the outputs
inline constexpr Field kOutput{"output", 0, Type::U32, 0u, kAny};
inline constexpr Field kValue{"value", 4, Type::F32, 0u, kAny};
inline constexpr Field kIndex{"index", 8, Type::U64, 0u, 9223372036854775807u};
inline constexpr Field kFields[] = {kOutput, kValue, kIndex};
inline constexpr Section kSection{"SMPL", 16, 16, 510u, kFields};
}  // namespace smpl

namespace pack {  // packed constants
inline constexpr Field kConstant{"constant", 0, Type::U32, 0u, kAny};
inline constexpr Field kEnd{"end", 4, Type::U32, 0u, kAny};
inline constexpr Field kVersion{"version", 8, Type::U32, 1u, kAny};
inline constexpr Field kDtype{"dtype", 12, Type::U32, 0u, 6u, true, "a newer coverslip may read it"};
inline constexpr Field kOffset{"offset", 16, Type::U64, 0u, kAny};
inline constexpr Field kSize{"size", 24, Type::U64, 1u, kAny};
inline constexpr Field kFields[] = {kConstant, kEnd, kVersion, kDtype, kOffset, kSize};
inline constexpr Section kSection{"PACK", 50, 32, 2147483647u, kFields, false, true};
}  // namespace pack

namespace pnam {  // packed constants: the names of their packings
inline constexpr Section kSection{"PNAM", 51, 1, 2147483647u, {}, false, true};
}  // namespace pnam

namespace pdat {  // packed constants: their payloads
inline constexpr Section kSection{"PDAT", 52, 1, 9223372036854775807u, {}, false, false};
}  // namespace pdat

namespace data {  // payloads of the constants
inline constexpr Section kSection{"DATA", 64, 1, 9223372036854775807u, {}, true, false};
}  // namespace data

inline constexpr Section kSections[] = {stri::kSection, strs::kSection, dims::kSection, ints::kSection, flts::kSection,
    vals::kSection, tens::kSection, edge::kSection, attr::kSection, node::kSection, outp::kSection, labl::kSection,
    prep::kSection, meta::kSection, gold::kSection, smpl::kSection, pack::kSection, pnam::kSection, pdat::kSection,
    data::kSection};

struct Reserved {
  std::uint32_t kind;
  std::string_view name;
};
// Refused by name.
inline constexpr Reserved kReserved[] = {{32, "DYNR"}, {33, "QUAN"}, {34, "CODE"}};

}  // namespace format
}  // namespace v0
}  // namespace coverslip
