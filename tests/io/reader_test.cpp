// What a whole file gives, and what each check refuses, by name and place.
#include "io/slip_file.hpp"

using namespace coverslip;
using namespace coverslip::test;

namespace {

Graph graph_of(const SlipFile& file) {
  const Bytes memory = allocate(file.bytes().size());
  std::ranges::copy(file.bytes(), memory.get());
  return read_graph(memory, file.bytes().size());
}

const Node& node_named(const Graph& graph, std::string_view name) {
  for (const Node& node : graph.nodes)
    if (node.name == name) return node;
  FAIL("no node ", name);
  throw;
}

template <class T>
std::vector<T> constant(const Graph& graph, std::string_view name) {
  for (const Value& value : graph.values)
    if (value.name == name) {
      const auto numbers = value.constant->values<T>();
      return {numbers.begin(), numbers.end()};
    }
  FAIL("no value ", name);
  throw;
}

}  // namespace

TEST_CASE("the golden file of version 1 gives its graph") {
  const Graph g = graph_of(SlipFile());
  CHECK(g.values.size() == 32);
  CHECK(g.nodes.size() == 20);
  REQUIRE(g.inputs.size() == 1);
  CHECK(g.values[g.inputs[0]].name == "x");
  CHECK(g.values[g.inputs[0]].type == TensorType{DType::f32, {kFree, 3, 8, 8}});
  REQUIRE(g.outputs.size() == 2);
  CHECK(g.values[g.outputs[0]].type == TensorType{DType::f32, {kFree, 2}});
  CHECK(g.values[g.outputs[1]].name == "grown");
  CHECK(g.labels == std::vector<std::string>{"cell", "no cell"});
  CHECK(g.meta.size() == 3);
  CHECK(g.meta.find("not for use")->second == "in clinics\nor elsewhere");
}

TEST_CASE("the golden file of version 1 gives its nodes") {
  const Graph g = graph_of(SlipFile());
  const Node& first = g.nodes[0];
  CHECK(first.label() == "Conv 'first'");
  CHECK(first.attr("pads", std::vector<Dim>{}) == std::vector<Dim>{1, 1, 1, 1});
  CHECK(first.attr("activation", std::string()) == "Relu");
  CHECK(first.outputs == std::vector<ValueId>{12});
  const Node& residual = node_named(g, "with residual");
  CHECK(residual.inputs == std::vector<ValueId>{12, 1, kNoValue, 12});
  CHECK(residual.attr("group", Dim{0}) == 1);
  const Node& leaky = node_named(g, "Zürich µ");
  CHECK(leaky.attr("alpha", 0.f) == 0.25f);
  CHECK(leaky.attr("notes", std::vector<float>{}) == std::vector<float>{0.5f, std::numeric_limits<float>::infinity()});
  CHECK(g.values[leaky.outputs[0]].type == TensorType{});  // the file does not claim it
}

TEST_CASE("the golden file of version 1 gives its constants, in place and aligned") {
  const SlipFile file;
  const Bytes memory = allocate(file.bytes().size());
  std::ranges::copy(file.bytes(), memory.get());
  const Graph g = read_graph(memory, file.bytes().size());
  CHECK(constant<float>(g, "scales") == std::vector<float>{1, 1, 2, 2});
  CHECK(constant<float>(g, "roi").empty());
  CHECK(constant<std::int8_t>(g, "i8") == std::vector<std::int8_t>{-128, 127});
  CHECK(constant<std::uint8_t>(g, "u8") == std::vector<std::uint8_t>{0, 255});
  CHECK(constant<std::int32_t>(g, "i32") == std::vector<std::int32_t>{-7});
  CHECK(constant<std::int64_t>(g, "i64") == std::vector<std::int64_t>{3});
  CHECK(constant<bool>(g, "bool") == std::vector<bool>{true, false});
  CHECK(to_float(constant<Float16>(g, "f16")[1]) == -2);
  CHECK(to_float(constant<BFloat16>(g, "bf16")[1]) == -0.125f);
  for (const Value& value : g.values) {
    if (value.constant == nullptr) continue;
    CHECK(value.constant->type() == value.type);
    CHECK(value.constant->data() >= memory.get());
    CHECK(value.constant->data() + value.type.bytes() <= memory.get() + file.bytes().size());
    CHECK((value.constant->data() - memory.get()) % static_cast<std::ptrdiff_t>(kAlign) == 0);
  }
}

TEST_CASE("the golden file of version 1 gives preprocessing and golden case") {
  const Graph g = graph_of(SlipFile());
  REQUIRE(g.preprocess);
  CHECK_FALSE(g.preprocess->channels_last);
  CHECK(g.preprocess->color == Preprocess::Color::Bgr);
  CHECK(g.preprocess->resize == Preprocess::Resize::Nearest);
  CHECK(g.preprocess->width == 8);
  CHECK(g.preprocess->scale == 0.5f);
  CHECK(g.preprocess->mean == std::vector<float>{0.25f, 0.5f, 0.75f});
  CHECK(g.preprocess->std == std::vector<float>{1, 2, 4});
  REQUIRE(g.golden);
  CHECK(g.golden->seed == 0x0123456789ABCDEF);
  CHECK(g.golden->low == -1);
  CHECK(g.golden->input_shapes == std::vector<Shape>{{1, 3, 8, 8}});
  REQUIRE(g.golden->samples.size() == 6);
  CHECK(g.golden->samples[5].output == 1);
  CHECK(g.golden->samples[5].index == 127);
}

TEST_CASE("the constants keep the file alive") {
  std::shared_ptr<const Tensor> constant;
  {
    const Graph g = graph_of(SlipFile());
    constant = g.values[0].constant;
  }
  CHECK(constant->values<float>()[0] == -1.625f);
}

TEST_CASE("a file that changes after the checks is refused or read, never beyond its end") {
  const SlipFile file;
  const std::uint64_t begin = file.part(format::stri::kSection).offset, end = file.part(format::data::kSection).offset;
  std::size_t refused = 0;
  for (std::uint64_t byte = begin; byte < end; ++byte) {
    const Bytes memory = allocate(file.bytes().size());
    std::ranges::copy(file.bytes(), memory.get());
    const io::Container container({memory.get(), file.bytes().size()}, {});
    const io::Census census = io::Structure(container).check();
    memory.get()[byte] ^= std::byte{0x81};
    try {
      const Graph graph = io::Builder(container, memory, census).build();
      CHECK(graph.values.size() == 32);
    } catch (const Error& error) {
      ++refused;
    }
  }
  CHECK(refused > 100);
}

TEST_CASE("memory that is not aligned is refused") {
  const SlipFile file;
  const Bytes memory = allocate(file.bytes().size() + 1);
  std::ranges::copy(file.bytes(), memory.get() + 1);
  try {
    read_graph(Bytes(memory, memory.get() + 1), file.bytes().size());
    FAIL("was read");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::BadInput);
  }
}

TEST_CASE("the model's id is the root hash, and weights are hashed on request") {
  SlipFile file;
  const std::string id = model_id(file.bytes());
  CHECK(id == io::to_hex(std::span(file.bytes()).subspan(32, 32)));
  CHECK_NOTHROW(check_weights(file.bytes()));
  file.bytes()[file.part(format::data::kSection).offset] ^= std::byte{1};
  CHECK(read(file).accepted);
  CHECK(model_id(file.bytes()) == id);
  try {
    check_weights(file.bytes());
    FAIL("was accepted");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::BadModel);
    CHECK(error.where().find("SECT[16].sha256") != std::string::npos);
  }
  file.seal();
  CHECK_NOTHROW(check_weights(file.bytes()));
  CHECK(model_id(file.bytes()) != id);
}

TEST_CASE("every limit refuses, and names itself") {
  const SlipFile file;
  const auto refused = [&](const Limits& limits, std::string_view name, std::string_view place) {
    try {
      io::Structure(io::Container(file.bytes(), limits)).check();
      FAIL("was accepted");
    } catch (const Error& error) {
      CHECK(error.code() == Errc::OverBudget);
      CHECK(error.message().find("raise Limits." + std::string(name) + " ") != std::string::npos);
      CHECK(error.where().find(place) != std::string::npos);
    }
  };
  refused({.file_bytes = file.bytes().size() - 1}, "file_bytes", "HEAD.file_size");
  refused({.string_bytes = 100}, "string_bytes", "SECT[1].size");
  refused({.values = 31}, "values", "SECT[5].size");
  refused({.tensors = 10}, "tensors", "SECT[6].size");
  refused({.nodes = 19}, "nodes", "SECT[9].size");
  refused({.elements = 53}, "elements", "DIMS[3].dim");
  refused({.graph_bytes = 2000}, "graph_bytes", "VALS[");
  CHECK(read(file, {.file_bytes = file.bytes().size(), .values = 32, .tensors = 11, .nodes = 20, .elements = 192})
            .accepted);
}

TEST_CASE("a section that a later version adds is skipped where it is not critical") {
  Parts parts{SlipFile()};
  parts.sections[40] = {Raw(10, std::byte{0xAB}), 5, 0};
  CHECK(read(parts.file()).accepted);
  SlipFile changed = parts.file();
  changed.bytes()[get(changed.at("SECT", changed.index(40), "offset"))] = std::byte{0};
  CHECK(read(changed).place() == "SECT[16].sha256");
  parts.sections[40].flags = 1;
  CHECK(read(parts.file()).text() == "Unsupported byte 1088, SECT[16].kind");
}
