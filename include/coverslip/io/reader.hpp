// Reads a .slip file: nothing is allocated before the whole structure is proved, and constants stay where the file is.
#pragma once
#include "coverslip/io/structure.hpp"

namespace coverslip {
inline namespace v0 {
namespace io {

// Makes the Graph of a file that Structure has accepted.
class Builder {
 public:
  Builder(const Container& container, const Bytes& owner, const Census& census)
      : file_(container), strings_(container), owner_(owner), census_(census) {}

  Graph build() {
    add_values();
    add_nodes();
    const Table &outputs = file_.table(format::outp::kSection), &labels = file_.table(format::labl::kSection);
    graph_.outputs.reserve(outputs.size());
    for (std::uint64_t i = 0; i < outputs.size(); ++i)
      graph_.outputs.push_back(below(graph_.values.size(), outputs, i, format::outp::kValue));
    graph_.labels.reserve(labels.size());
    for (std::uint64_t i = 0; i < labels.size(); ++i) graph_.labels.push_back(text(labels, i, format::labl::kText));
    const Table& meta = file_.table(format::meta::kSection);
    for (std::uint64_t i = 0; i < meta.size(); ++i)
      graph_.meta.emplace_hint(graph_.meta.end(), text(meta, i, format::meta::kKey),
                               text(meta, i, format::meta::kText));
    add_preprocess();
    add_golden();
    const PackedRecords packed(file_);
    graph_.packed.reserve(packed.size());
    for (std::uint64_t i = 0; i < packed.size(); ++i) graph_.packed.push_back(packed.get(i, census_.constants, owner_));
    return std::move(graph_);
  }

 private:
  Cursor cursor(const Section& section) const { return {&file_.table(section)}; }
  std::string text(const Table& table, std::uint64_t i, const Field& field) const {
    return std::string(strings_[table(i, field)]);
  }
  // Below what the checks have proved: a mapped file may have changed since, and must not lead beyond the graph.
  static std::uint64_t below(std::uint64_t end, const Table& table, std::uint64_t i, const Field& field) {
    const std::uint64_t number = table(i, field);
    if (number >= end) changed(table, i, field);
    return number;
  }
  [[noreturn]] static void changed(const Table& table, std::uint64_t i, const Field& field) {
    table.refuse(Errc::BadModel, i, field, "expected what was checked, found that the file has changed meanwhile");
  }
  Shape shape(std::uint64_t rank) {
    Shape shape;
    for (std::uint64_t axis = 0; axis < rank; ++axis) {
      const std::uint64_t dim = dims_.take(format::dims::kDim);
      shape.push_back(dim == format::kNone ? kFree : static_cast<Dim>(dim));
    }
    return shape;
  }

  void add_values() {
    using namespace format::vals;
    const Table &values = file_.table(kSection), &tensors = file_.table(format::tens::kSection);
    graph_.values.reserve(values.size());
    graph_.inputs.reserve(census_.inputs);
    for (std::uint64_t i = 0; i < values.size(); ++i) {
      Value value{.name = text(values, i, kName)};
      if (const std::uint64_t dtype = below(format::kUnstated + 1, values, i, kDtype); dtype != format::kUnstated)
        value.type = {static_cast<DType>(dtype), shape(values(i, kRank))};
      if (i < census_.constants) value.constant = constant(value.type, tensors(i, format::tens::kOffset));
      const ValueId id = graph_.add(std::move(value));
      if (i >= census_.constants && i - census_.constants < census_.inputs) graph_.inputs.push_back(id);
    }
  }
  // Looks into the file and keeps it alive. An empty one may lie behind its end.
  std::shared_ptr<const Tensor> constant(const TensorType& type, std::uint64_t offset) const {
    const std::size_t bytes = type.bytes();
    const Table& data = file_.table(format::data::kSection);
    if (bytes > 0 && (offset > data.size() || bytes > data.size() - offset))
      throw Error(Errc::BadModel, place(data.offset(), "DATA.size"),
                  "expected what was checked; the file changed meanwhile");
    std::byte* begin = owner_.get() + (bytes > 0 ? data.offset() + offset : 0);
    return std::make_shared<const Tensor>(type, Bytes(owner_, begin));
  }

  void add_nodes() {
    using namespace format::node;
    const Table& nodes = file_.table(kSection);
    graph_.nodes.reserve(nodes.size());
    ValueId made = census_.constants + census_.inputs;
    for (std::uint64_t i = 0; i < nodes.size(); ++i) {
      Node& node = graph_.nodes.emplace_back(Node{text(nodes, i, kOp), text(nodes, i, kName)});
      const std::uint64_t inputs = nodes(i, kInputs), outputs = nodes(i, kOutputs), attributes = nodes(i, kAttributes);
      if (inputs > edges_.left() || made > graph_.values.size() || outputs > graph_.values.size() - made)
        changed(nodes, i, kInputs);
      node.inputs.reserve(inputs);
      node.outputs.reserve(outputs);
      for (std::uint64_t n = 0; n < inputs; ++n) node.inputs.push_back(edge(made));
      for (std::uint64_t n = 0; n < outputs; ++n) node.outputs.push_back(made++);
      for (std::uint64_t n = 0; n < attributes; ++n) add_attribute(node.attributes);
    }
  }
  ValueId edge(ValueId made) {
    const std::uint64_t value = edges_.take(format::edge::kValue);
    if (value == format::kNone) return kNoValue;
    if (value >= made) changed(*edges_.table, edges_.taken - 1, format::edge::kValue);
    return static_cast<ValueId>(value);
  }
  void add_attribute(Attributes& attributes) {
    using namespace format::attr;
    const Table& table = *attributes_.table;
    const std::uint64_t i = attributes_.taken++, value = table(i, kValue);
    Attribute attribute;
    switch (static_cast<AttributeType>(table(i, kType))) {
      case AttributeType::Int: attribute = integer(); break;
      case AttributeType::Float: attribute = real(); break;
      case AttributeType::String: attribute = text(table, i, kValue); break;
      case AttributeType::Ints: attribute = list<Dim>(ints_, value, [this] { return integer(); }); break;
      case AttributeType::Floats: attribute = list<float>(floats_, value, [this] { return real(); }); break;
    }
    attributes.emplace_hint(attributes.end(), text(table, i, kKey), std::move(attribute));
  }
  Dim integer() { return std::bit_cast<Dim>(ints_.take(format::ints::kValue)); }
  float real() { return std::bit_cast<float>(static_cast<std::uint32_t>(floats_.take(format::flts::kValue))); }
  template <class T, class F>
  static std::vector<T> list(const Cursor& pool, std::uint64_t count, const F& next) {
    std::vector<T> numbers;
    numbers.reserve(std::min(count, pool.left()));
    for (std::uint64_t n = 0; n < count; ++n) numbers.push_back(next());
    return numbers;
  }

  void add_preprocess() {
    using namespace format::prep;
    const Table& table = file_.table(kSection);
    if (table.size() == 0) return;
    Preprocess& p = graph_.preprocess.emplace();
    p.channels_last = table(0, kLayout) != 0;
    p.color = static_cast<Preprocess::Color>(below(3, table, 0, kColor));
    p.resize = static_cast<Preprocess::Resize>(below(3, table, 0, kResize));
    p.width = static_cast<int>(table(0, kWidth));
    p.height = static_cast<int>(table(0, kHeight));
    p.scale = table.real(0, kScale);
    p.mean = channels(table, kMeans, {kMean0, kMean1, kMean2});
    p.std = channels(table, kStds, {kStd0, kStd1, kStd2});
  }
  static std::vector<float> channels(const Table& table, const Field& count, std::initializer_list<Field> fields) {
    std::vector<float> numbers;
    for (const Field& field : fields)
      if (numbers.size() < table(0, count)) numbers.push_back(table.real(0, field));
    return numbers;
  }

  void add_golden() {
    using namespace format::gold;
    const Table &gold = file_.table(kSection), &samples = file_.table(format::smpl::kSection);
    if (gold.size() == 0) return;
    GoldenCase& golden = graph_.golden.emplace();
    golden.seed = gold(0, kSeed);
    golden.low = gold.real(0, kLow);
    golden.high = gold.real(0, kHigh);
    golden.tolerance = gold.real(0, kTolerance);
    golden.input_shapes.reserve(graph_.inputs.size());
    for (const ValueId input : graph_.inputs)
      golden.input_shapes.push_back(shape(graph_.values[input].type.shape.rank()));
    golden.samples.reserve(samples.size());
    for (std::uint64_t i = 0; i < samples.size(); ++i)
      golden.samples.push_back({static_cast<std::uint32_t>(samples(i, format::smpl::kOutput)),
                                samples(i, format::smpl::kIndex), samples.real(i, format::smpl::kValue)});
  }

  const Container& file_;
  Strings strings_;
  const Bytes& owner_;
  Census census_;
  Graph graph_;
  Cursor dims_ = cursor(format::dims::kSection), edges_ = cursor(format::edge::kSection);
  Cursor attributes_ = cursor(format::attr::kSection);
  Cursor ints_ = cursor(format::ints::kSection), floats_ = cursor(format::flts::kSection);
};

}  // namespace io

// Proves the structure and its hashes; allocates nothing. The weights' own hash is check_weights().
// Throws Error(BadModel, Unsupported or OverBudget): where is "byte OFFSET, SECTION[RECORD].field".
inline void check_structure(std::span<const std::byte> file, const Limits& limits = {}) {
  io::Structure(io::Container(file, limits)).check();
}

// The constants of the Graph share `owner`, whose `size` bytes are the file. It begins at a multiple of kAlign and
// stays as it is.
// Throws as check_structure() does, and Error(OutOfMemory).
inline Graph read_graph(const Bytes& owner, std::size_t size, const Limits& limits = {}) {
  if (reinterpret_cast<std::uintptr_t>(owner.get()) % kAlign != 0)
    throw Error(Errc::BadInput, "file", "expected memory that begins at a multiple of ", kAlign,
                "; allocate() gives such");
  const io::Container container({owner.get(), size}, limits);
  const io::Census census = io::Structure(container).check();
  try {
    return io::Builder(container, owner, census).build();
  } catch (const std::bad_alloc&) {
    throw Error(Errc::OutOfMemory, "memory", "the system does not give the ", census.graph_bytes,
                " bytes of the graph");
  }
}

// The root hash in hexadecimal: it names the file's structure and weights. The file need be no more than a header.
inline std::string model_id(std::span<const std::byte> file) {
  if (file.size() < format::kHeader)
    throw Error(Errc::BadModel, io::place(0, "HEAD.magic"), "expected a header of ", format::kHeader, " bytes, found ",
                file.size());
  return io::to_hex(file.subspan(format::kRoot, sizeof(io::Digest)));
}

// Hashes the weights, which reading does not. Throws Error(BadModel) where they are not those that the id names.
inline void check_weights(std::span<const std::byte> file, const Limits& limits = {}) {
  io::Container(file, limits).check_data();
}

}  // namespace v0
}  // namespace coverslip
