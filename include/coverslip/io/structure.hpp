// The inner half of reading a file: what the records mean is checked whole before anything is allocated.
#pragma once
#include <cmath>

#include "coverslip/io/packed.hpp"

namespace coverslip {
inline namespace v0 {
namespace io {

enum class Role : std::uint8_t { Constant, Input, Made };
enum class AttributeType : std::uint8_t { Int = 1, Float, String, Ints, Floats };

// What is in the file, where the checks have passed: the number of values of each role, and the bytes of a Graph of it.
struct Census {
  std::uint64_t constants = 0, inputs = 0;
  std::uint64_t graph_bytes = 0;
};

// Walks the records in the order in which references to strings are counted (docs/FORMAT.md). Allocates nothing.
class Structure {
 public:
  explicit Structure(const Container& container) : file_(container), strings_(container), references_(strings_) {}

  // Throws Error with the byte and the field that is wrong.
  Census check() {
    strings_.check();
    for (const Table& table : file_.tables())
      for (std::uint64_t i = 0; !table.section().fields.empty() && i < table.size(); ++i) table.check_ranges(i);
    check_values();
    check_nodes();
    check_outputs();
    const Table& labels = file_.table(format::labl::kSection);
    for (std::uint64_t i = 0; i < labels.size(); ++i)
      spend(sizeof(std::string) + references_.check(labels, i, format::labl::kText).size(), labels, i,
            format::labl::kText);
    check_preprocess();
    check_meta();
    check_golden();
    all_taken(dims_, format::dims::kDim, "a dimension of a value");
    references_.check_all_used(file_.table(format::stri::kSection));
    PackedRecords(file_).check(census_.constants, [&](std::uint64_t bytes, std::uint64_t i) {
      spend(bytes, file_.table(format::pack::kSection), i, format::pack::kConstant);
    });
    return census_;
  }

 private:
  static constexpr std::uint64_t kBlock = 32;  // what an allocation or a node of a map takes beside its contents

  void spend(std::uint64_t bytes, const Table& table, std::uint64_t i, const Field& field) {
    census_.graph_bytes += bytes + kBlock;
    if (census_.graph_bytes > file_.limits().graph_bytes)
      table.refuse(Errc::OverBudget, i, field, "expected a graph of at most ", file_.limits().graph_bytes,
                   " bytes, found more; raise Limits.graph_bytes if the file is trusted");
  }
  // Every record belongs to something.
  static void all_taken(const Cursor& cursor, const Field& field, std::string_view expected) {
    if (cursor.left() != 0)
      cursor.table->refuse(Errc::BadModel, cursor.taken, field, "expected ", expected, ", found one that nothing uses");
  }
  Cursor cursor(const Section& section) const { return {&file_.table(section)}; }

  // The shape of value or input i, out of DIMS. `table` and `field` name its rank.
  Shape shape(const Table& table, std::uint64_t i, const Field& field, std::uint64_t rank, bool free) {
    const Table& dims = *dims_.table;
    if (rank > dims_.left())
      table.refuse(Errc::BadModel, i, field, "expected at most ", dims_.left(), ", the dimensions left in DIMS, found ",
                   rank);
    Shape shape;
    std::uint64_t product = 1;
    for (std::uint64_t axis = 0; axis < rank; ++axis) {
      const std::uint64_t at = dims_.taken, dim = dims_.take(format::dims::kDim);
      if (dim > format::kMaxDim && !(free && dim == format::kNone))
        dims.refuse(Errc::BadModel, at, format::dims::kDim, "expected at most ", format::kMaxDim,
                    free ? ", or free" : "", ", found ", dim);
      shape.push_back(dim == format::kNone ? kFree : static_cast<Dim>(dim));
      const std::uint64_t factor = dim == format::kNone ? 1 : std::max<std::uint64_t>(dim, 1);
      if (product > file_.limits().elements / factor)
        dims.refuse(Errc::OverBudget, at, format::dims::kDim, "expected at most ", file_.limits().elements,
                    " elements, found more; raise Limits.elements if the file is trusted");
      product *= factor;
    }
    return shape;
  }

  void check_values() {
    using namespace format::vals;
    const Table& values = file_.table(kSection);
    std::uint64_t last = 0;
    for (std::uint64_t i = 0; i < values.size(); ++i) {
      const std::string_view name = references_.check(values, i, kName, Text::NotEmpty);
      if (strings_.first(values(i, kName)) != i)
        values.refuse(Errc::BadModel, i, kName, "expected a name that no other value has, found ", values(i, kName));
      const std::uint64_t role = values(i, kRole), dtype = values(i, kDtype);
      if (role < last) values.refuse(Errc::BadModel, i, kRole, "expected at least ", last, ", found ", role);
      last = role;
      const bool made = role == static_cast<std::uint64_t>(Role::Made);
      if (dtype == format::kUnstated && (!made || values(i, kRank) != 0))
        values.refuse(Errc::BadModel, i, kDtype, "expected a type, found ", dtype);
      const bool constant = role == static_cast<std::uint64_t>(Role::Constant);
      const Shape dims = shape(values, i, kRank, values(i, kRank), !constant);
      if (constant) check_payload(i, {static_cast<DType>(dtype), dims});
      ++(constant ? census_.constants : made ? made_left_ : census_.inputs);
      spend(sizeof(Value) + name.size() + (constant ? sizeof(Tensor) : sizeof(ValueId)), values, i, kName);
    }
    all_taken(tensors_, format::tens::kOffset, "the payload of a constant");
    const Table& data = file_.table(format::data::kSection);
    if (payload_end_ != data.size())
      throw Error(Errc::BadModel, place(data.offset(), "DATA.size"), "expected ", payload_end_, ", found ",
                  data.size());
  }

  // Payloads tile DATA in the order of the constants.
  void check_payload(std::uint64_t value, const TensorType& type) {
    using namespace format::tens;
    const Table &tensors = *tensors_.table, &data = file_.table(format::data::kSection);
    if (tensors_.left() == 0)
      file_.table(format::vals::kSection)
          .refuse(Errc::BadModel, value, format::vals::kRole, "expected ", tensors.size(),
                  " constants, as TENS has, found one more");
    const std::uint64_t t = tensors_.taken++, offset = padded(payload_end_);
    std::uint64_t elements = 1;
    for (const Dim dim : type.shape) elements *= static_cast<std::uint64_t>(dim);  // at most Limits.elements
    if (elements > format::kAny / 16)  // only where the limit was raised beyond what bytes can be counted
      tensors.refuse(Errc::OverBudget, t, kSize, "expected fewer elements, found ", elements);
    const std::uint64_t size = elements * size_of(type.dtype);
    tensors.equal(t, kOffset, offset);
    tensors.equal(t, kSize, size);
    if (size == 0) return;
    if (offset > data.size() || size > data.size() - offset)
      tensors.refuse(Errc::BadModel, t, kSize, "expected a payload within DATA, found ", size);
    for (std::uint64_t at = payload_end_; at < offset; ++at)
      if (data.bytes()[at] != std::byte{0})
        throw Error(Errc::BadModel, place(data.offset() + at, "DATA.padding"), "expected 0, found ",
                    std::to_integer<unsigned>(data.bytes()[at]));
    payload_end_ = offset + size;
    if (type.dtype == DType::boolean) check_bools(data, offset);
  }
  void check_bools(const Table& data, std::uint64_t begin) const {
    for (std::uint64_t at = begin; at < payload_end_; ++at)
      if (data.bytes()[at] > std::byte{1})
        throw Error(Errc::BadModel, place(data.offset() + at, "DATA.bool"), "expected 0 or 1, found ",
                    std::to_integer<unsigned>(data.bytes()[at]));
  }

  void check_nodes() {
    using namespace format::node;
    const Table& nodes = file_.table(kSection);
    made_ = census_.constants + census_.inputs;
    for (std::uint64_t i = 0; i < nodes.size(); ++i) {
      std::uint64_t names = references_.check(nodes, i, kOp, Text::NotEmpty).size();
      names += references_.check(nodes, i, kName).size();
      const std::uint64_t inputs = nodes(i, kInputs), outputs = nodes(i, kOutputs);
      check_inputs(i, inputs);
      if (outputs > made_left_)
        nodes.refuse(Errc::BadModel, i, kOutputs, "expected at most ", made_left_, ", the values left, found ",
                     outputs);
      made_left_ -= outputs;
      made_ += outputs;
      spend(sizeof(Node) + names + (inputs + outputs) * sizeof(ValueId) + 4 * kBlock, nodes, i, kInputs);
      check_attributes(i, nodes(i, kAttributes));
    }
    if (made_left_ != 0)
      file_.table(format::vals::kSection)
          .refuse(Errc::BadModel, made_, format::vals::kRole, "expected a node that makes the value, found none");
    all_taken(edges_, format::edge::kValue, "a part of a node");
    all_taken(attributes_, format::attr::kKey, "a part of a node");
    all_taken(ints_, format::ints::kValue, "a part of a node");
    all_taken(floats_, format::flts::kValue, "a part of a node");
  }

  void check_inputs(std::uint64_t node, std::uint64_t count) {
    if (count > edges_.left())
      file_.table(format::node::kSection)
          .refuse(Errc::BadModel, node, format::node::kInputs, "expected at most ", edges_.left(),
                  ", the records left in EDGE, found ", count);
    std::uint64_t value = 0;
    for (std::uint64_t n = 0; n < count; ++n) {
      value = edges_.take(format::edge::kValue);
      if (value != format::kNone) check_use(*edges_.table, edges_.taken - 1, format::edge::kValue, value, made_);
    }
    if (value == format::kNone)
      edges_.table->refuse(Errc::BadModel, edges_.taken - 1, format::edge::kValue,
                           "expected a last input that is not absent, found ", value);
  }

  // Only what is made before can be used. Constants are numbered by their first use.
  void check_use(const Table& table, std::uint64_t i, const Field& field, std::uint64_t value, std::uint64_t made) {
    if (value >= made)
      table.refuse(Errc::BadModel, i, field, "expected a value less than ", made, ", made before, found ", value);
    if (value >= census_.constants) return;
    if (value > used_constants_)
      table.refuse(Errc::BadModel, i, field, "expected at most ", used_constants_,
                   ", as constants are numbered by first use, found ", value);
    used_constants_ = std::max(used_constants_, value + 1);
  }

  void check_attributes(std::uint64_t node, std::uint64_t count) {
    using namespace format::attr;
    const Table& table = *attributes_.table;
    if (count > attributes_.left())
      file_.table(format::node::kSection)
          .refuse(Errc::BadModel, node, format::node::kAttributes, "expected at most ", attributes_.left(),
                  ", the records left in ATTR, found ", count);
    for (std::uint64_t n = 0; n < count; ++n) {
      const std::uint64_t i = attributes_.taken++;
      const std::uint64_t length = references_.check(table, i, kKey, Text::NotEmpty).size();
      if (n > 0 && table(i, kKey) <= table(i - 1, kKey))
        table.refuse(Errc::BadModel, i, kKey, "expected more than ", table(i - 1, kKey), ", as keys are sorted, found ",
                     table(i, kKey));
      const std::uint64_t bytes =
          attribute_bytes(table, i, static_cast<AttributeType>(table(i, kType)), table(i, kValue));
      spend(sizeof(Attributes::value_type) + length + bytes + 2 * kBlock, table, i, kValue);
    }
  }
  std::uint64_t attribute_bytes(const Table& table, std::uint64_t i, AttributeType type, std::uint64_t value) {
    using namespace format::attr;
    if (type == AttributeType::String) return references_.check(table, i, kValue).size();
    const bool integers = type == AttributeType::Int || type == AttributeType::Ints;
    if (type == AttributeType::Int || type == AttributeType::Float) table.equal(i, kValue, 1);
    Cursor& pool = integers ? ints_ : floats_;
    if (value > pool.left())
      table.refuse(Errc::BadModel, i, kValue, "expected at most ", pool.left(), ", the numbers left in ",
                   pool.table->section().name, ", found ", value);
    pool.taken += value;
    return value * (integers ? sizeof(Dim) : sizeof(float));
  }

  void check_outputs() {
    using namespace format::outp;
    const Table& outputs = file_.table(kSection);
    if (outputs.size() == 0)
      file_.head().refuse(Errc::BadModel, 0, format::head::kSections, "expected a section OUTP, found none");
    for (std::uint64_t i = 0; i < outputs.size(); ++i) {
      const std::uint64_t value = outputs(i, kValue);
      check_use(outputs, i, kValue, value, made_);
      for (std::uint64_t before = 0; before < i; ++before)
        if (outputs(before, kValue) == value)
          outputs.refuse(Errc::BadModel, i, kValue, "expected each output once, found ", value, " again");
      spend(sizeof(ValueId), outputs, i, kValue);
    }
    if (used_constants_ != census_.constants)
      file_.table(format::vals::kSection)
          .refuse(Errc::BadModel, used_constants_, format::vals::kRole, "expected a use of the constant, found none");
  }

  void check_preprocess() {
    using namespace format::prep;
    const Table& table = file_.table(kSection);
    if (table.size() == 0) return;
    const std::uint64_t channels = static_cast<Preprocess::Color>(table(0, kColor)) == Preprocess::Color::Gray ? 1 : 3;
    check_channels(table, kMeans, {kMean0, kMean1, kMean2}, channels, false);
    check_channels(table, kStds, {kStd0, kStd1, kStd2}, channels, true);
    if (table.real(0, kScale) == 0) table.refuse(Errc::BadModel, 0, kScale, "expected a number that is not 0, found 0");
    check_fits_input(table, static_cast<Dim>(channels));
    spend(sizeof(Preprocess) + 6 * sizeof(float) + 2 * kBlock, table, 0, kLayout);
  }
  static void check_channels(const Table& table, const Field& count, std::initializer_list<Field> fields,
                             std::uint64_t channels, bool positive) {
    const std::uint64_t given = table(0, count);
    if (given != 0 && given != channels)
      table.refuse(Errc::BadModel, 0, count, "expected 0 or ", channels, ", found ", given);
    std::uint64_t c = 0;
    for (const Field& field : fields) {
      const float number = table.real(0, field);
      if (c < given && positive && number <= 0)
        table.refuse(Errc::BadModel, 0, field, "expected more than 0, found ", number);
      if (c++ >= given) table.equal(0, field, 0);
    }
  }
  void check_fits_input(const Table& table, Dim channels) {
    using namespace format::prep;
    const Table& values = file_.table(format::vals::kSection);
    const std::uint64_t first = census_.constants;
    if (census_.inputs == 0 || values(first, format::vals::kDtype) != static_cast<std::uint64_t>(DType::f32) ||
        values(first, format::vals::kRank) != 4)
      table.refuse(Errc::BadModel, 0, kLayout, "expected a first input that is f32 of rank 4, found ",
                   census_.inputs == 0 ? "none" : "another");
    const Shape shape = first_input();
    const bool channels_last = table(0, kLayout) != 0;
    const Dim c = shape[channels_last ? 3 : 1];
    if (c != kFree && c != channels)
      table.refuse(Errc::BadModel, 0, kColor, "expected ", c, " channels, as the first input has, found ", channels);
    const std::size_t height_axis = channels_last ? 1 : 2;
    check_size(table, kWidth, shape[height_axis + 1]);
    check_size(table, kHeight, shape[height_axis]);
  }
  static void check_size(const Table& table, const Field& field, Dim wanted) {
    const auto found = static_cast<Dim>(table(0, field));
    if (found != 0 && wanted != kFree && found != wanted)
      table.refuse(Errc::BadModel, 0, field, "expected 0 or ", wanted, ", as the first input has, found ", found);
  }

  // The shape of value i, where its dimensions are known to begin in DIMS.
  Shape shape_at(std::uint64_t dims, std::uint64_t rank) const {
    Shape shape;
    for (std::uint64_t axis = 0; axis < rank; ++axis) {
      const std::uint64_t dim = (*dims_.table)(dims + axis, format::dims::kDim);
      shape.push_back(dim == format::kNone ? kFree : static_cast<Dim>(dim));
    }
    return shape;
  }
  std::uint64_t rank(std::uint64_t value) const {
    return file_.table(format::vals::kSection)(value, format::vals::kRank);
  }
  std::uint64_t dims_before(std::uint64_t value) const {
    std::uint64_t dims = 0;
    for (std::uint64_t v = 0; v < value; ++v) dims += rank(v);
    return dims;
  }
  Shape first_input() const { return shape_at(dims_before(census_.constants), rank(census_.constants)); }

  void check_meta() {
    using namespace format::meta;
    const Table& meta = file_.table(kSection);
    for (std::uint64_t i = 0; i < meta.size(); ++i) {
      const std::uint64_t key = references_.check(meta, i, kKey, Text::NotEmpty).size();
      if (i > 0 && meta(i, kKey) <= meta(i - 1, kKey))
        meta.refuse(Errc::BadModel, i, kKey, "expected more than ", meta(i - 1, kKey), ", as keys are sorted, found ",
                    meta(i, kKey));
      const std::uint64_t text = references_.check(meta, i, kText, Text::Free).size();
      spend(2 * sizeof(std::string) + key + text + 2 * kBlock, meta, i, kText);
    }
  }

  void check_golden() {
    using namespace format::gold;
    const Table &gold = file_.table(kSection), &samples = file_.table(format::smpl::kSection);
    if (samples.size() != 0 && gold.size() == 0)
      samples.refuse(Errc::BadModel, 0, format::smpl::kOutput, "expected a golden case in GOLD, found none");
    if (gold.size() == 0) return;
    if (samples.size() == 0) gold.refuse(Errc::BadModel, 0, kSeed, "expected samples in SMPL, found none");
    if (!(gold.real(0, kLow) < gold.real(0, kHigh)))
      gold.refuse(Errc::BadModel, 0, kHigh, "expected more than ", gold.real(0, kLow), ", found ", gold.real(0, kHigh));
    if (gold.real(0, kTolerance) < 0)
      gold.refuse(Errc::BadModel, 0, kTolerance, "expected 0 or more, found ", gold.real(0, kTolerance));
    std::uint64_t dims = dims_before(census_.constants);
    for (std::uint64_t n = 0; n < census_.inputs; ++n) {
      const std::uint64_t axes = rank(census_.constants + n), begin = dims_.taken;
      const Shape wanted = shape_at(dims, axes), found = shape(gold, 0, kSeed, axes, false);
      for (std::uint64_t axis = 0; axis < axes; ++axis)
        if (wanted[axis] != kFree && wanted[axis] != found[axis])
          dims_.table->refuse(Errc::BadModel, begin + axis, format::dims::kDim, "expected ", wanted[axis],
                              ", as the input has, found ", found[axis]);
      dims += axes;
      spend(sizeof(Shape), gold, 0, kSeed);
    }
    for (std::uint64_t i = 0; i < samples.size(); ++i) check_sample(samples, i);
  }
  void check_sample(const Table& samples, std::uint64_t i) {
    using namespace format::smpl;
    const Table& outputs = file_.table(format::outp::kSection);
    const std::uint64_t output = samples(i, kOutput), index = samples(i, kIndex);
    if (output >= outputs.size())
      samples.refuse(Errc::BadModel, i, kOutput, "expected less than ", outputs.size(), ", found ", output);
    if (i == 0 || samples(i - 1, kOutput) != output) elements_ = elements(outputs(output, format::outp::kValue));
    if (index >= elements_)
      samples.refuse(Errc::BadModel, i, kIndex, "expected less than ", elements_, ", found ", index);
    if (i > 0 &&
        (samples(i - 1, kOutput) > output || (samples(i - 1, kOutput) == output && samples(i - 1, kIndex) >= index)))
      samples.refuse(Errc::BadModel, i, kIndex, "expected samples sorted by output and index, found ", index);
    spend(sizeof(GoldenCase::Sample), samples, i, kOutput);
  }
  // kAny where the file does not say.
  std::uint64_t elements(std::uint64_t value) const {
    const Table& values = file_.table(format::vals::kSection);
    if (values(value, format::vals::kDtype) == format::kUnstated) return format::kAny;
    const Shape shape = shape_at(dims_before(value), rank(value));
    std::uint64_t n = 1;
    for (const Dim dim : shape) {
      if (dim == kFree) return format::kAny;
      n *= static_cast<std::uint64_t>(dim);
    }
    return n;
  }

  const Container& file_;
  Strings strings_;
  References references_;
  Cursor dims_ = cursor(format::dims::kSection), tensors_ = cursor(format::tens::kSection);
  Cursor edges_ = cursor(format::edge::kSection), attributes_ = cursor(format::attr::kSection);
  Cursor ints_ = cursor(format::ints::kSection), floats_ = cursor(format::flts::kSection);
  Census census_;
  std::uint64_t made_left_ = 0, made_ = 0, used_constants_ = 0, payload_end_ = 0, elements_ = 0;
};

}  // namespace io
}  // namespace v0
}  // namespace coverslip
