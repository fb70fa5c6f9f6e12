// slip info: what is in a model, and what it needs here; and the operators that this build knows.
#include <algorithm>
#include <filesystem>

#include "coverslip/graph/graph.hpp"
#include "json.hpp"
#include "operators.hpp"
#include "progress.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace coverslip::tool {
namespace {

// What only a plan knows. Either all of it or the reason why there is none.
struct Needs {
  std::optional<Error> error{};
  bool shapes_known = false;  // free dimensions are no fault of the model: they only leave the plan unknown
  MemoryUse memory{};
  std::vector<StepInfo> steps{};
  double multiply_adds = 0;
  Precision precision = Precision::Float32;
  std::string note{};
};

Needs needs_of(const Model& model, const EngineArguments& engine) {
  Needs needs;
  try {
    const std::vector<Shape> shapes = engine.input_shapes(model);
    needs.shapes_known = true;
    Session session(model, engine.options);
    needs.memory = session.memory(shapes);
    needs.precision = session.precision();
    needs.note = session.note();
    needs.steps = session.steps(shapes);
    for (const StepInfo& step : needs.steps) needs.multiply_adds += step.multiply_adds;
  } catch (const Error& error) {
    needs.error = error;
  }
  return needs;
}

std::size_t parameters_of(const Model& model) {
  std::size_t n = 0;
  for (const Value& value : model.graph().values)
    if (value.constant) n += static_cast<std::size_t>(value.constant->shape().elements());
  return n;
}

// Bytes of the weights by element type, as the file holds them.
std::map<DType, std::size_t> weights_of(const Model& model) {
  std::map<DType, std::size_t> bytes;
  for (const Value& value : model.graph().values)
    if (value.constant) bytes[value.constant->dtype()] += value.constant->type().bytes();
  return bytes;
}

std::string weights_text(const Model& model) {
  std::string text;
  for (const auto& [dtype, bytes] : weights_of(model))
    text += (text.empty() ? "" : ", ") + std::string(to_string(dtype)) + " " + bytes_text(static_cast<double>(bytes));
  return text.empty() ? "none" : text;
}

std::string_view name_of(Preprocess::Color color) {
  constexpr std::string_view kNames[] = {"rgb", "bgr", "gray"};
  return kNames[static_cast<std::size_t>(color)];
}

std::string_view name_of(Preprocess::Resize resize) {
  constexpr std::string_view kNames[] = {"none", "nearest", "linear"};
  return kNames[static_cast<std::size_t>(resize)];
}

std::string describe(const Preprocess& p) {
  const auto list = [](const std::vector<float>& values) {
    std::string text;
    for (const float x : values) text += (text.empty() ? "" : " ") + fixed(x, 4);
    return text;
  };
  std::string text(name_of(p.color));
  text += p.width > 0 ? ", " + std::to_string(p.width) + "x" + std::to_string(p.height) : ", the picture's size";
  text += ", resize " + std::string(name_of(p.resize)) + ", times " + fixed(p.scale, 6);
  if (!p.mean.empty()) text += ", minus " + list(p.mean);
  if (!p.std.empty()) text += ", over " + list(p.std);
  return text + (p.channels_last ? ", channels last" : "");
}

std::string describe(const std::vector<std::string>& labels) {
  constexpr std::size_t kShown = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(labels.size(), kShown); ++i) text += (i == 0 ? "" : ", ") + safe(labels[i]);
  return std::to_string(labels.size()) + ": " + text + (labels.size() > kShown ? ", ..." : "");
}

Table table_of(const std::vector<StepInfo>& steps) {
  using enum Table::Align;
  Table table({{"step", Left}, {"kernel", Left}, {"layout", Left}, {"output", Left}, {"multiply-adds", Right}});
  for (const StepInfo& step : steps)
    table.add({safe(step.node), safe(step.kernel), std::string(to_string(step.layout)), to_string(step.output),
               step.multiply_adds > 0 ? count(step.multiply_adds) : ""});
  return table;
}

void print_text(const std::string& path, const Model& model, const Needs& needs, bool steps) {
  const auto line = [](std::string_view what, const std::string& text) {
    print("  " + std::string(what) + std::string(16 - what.size(), ' ') + text + "\n");
  };
  print(safe(path) + "\n");
  for (const auto& [key, text] : model.graph().meta) line(safe(key).substr(0, 15), safe(text));
  if (!model.id().empty()) line("id", safe(model.id()));
  for (const Port& port : model.inputs())
    line("input", safe(port.name) + "  " + to_string(TensorType{port.dtype, port.shape}));
  for (const Port& port : model.outputs())
    line("output", safe(port.name) + "  " + to_string(TensorType{port.dtype, port.shape}));
  if (!model.labels().empty()) line("labels", describe(model.labels()));
  if (model.graph().preprocess) line("preprocessing", describe(*model.graph().preprocess));
  line("golden case", model.graph().golden ? "yes; slip verify runs it" : "none");
  line("size on disk", bytes_text(static_cast<double>(std::filesystem::file_size(path))));
  line("parameters", count(static_cast<double>(parameters_of(model))));
  line("weights", weights_text(model));
  line("operators", std::to_string(model.graph().nodes.size()));
  if (needs.error) return;
  const auto bytes = [](std::size_t n) { return bytes_text(static_cast<double>(n)); };
  const MemoryUse& use = needs.memory;
  line("multiply-adds", count(needs.multiply_adds));
  line("precision", std::string(to_string(needs.precision)) + (needs.note.empty() ? "" : "  (" + needs.note + ")"));
  line("peak memory", bytes(use.peak()) + "  (packed weights " + bytes(use.packed) + ", values " + bytes(use.values) +
                          ", scratch " + bytes(use.scratch) + ", in and out " + bytes(use.io) + ")");
  if (steps) print("\n" + table_of(needs.steps).text());
}

void add_ports(Json& json, std::string_view key, const std::vector<Port>& ports) {
  json.key(key).open_array();
  for (const Port& port : ports) {
    json.open_object().member("name", port.name).member("dtype", to_string(port.dtype)).key("shape").open_array();
    for (const Dim d : port.shape) d == kFree ? json.null() : json.value(d);
    json.close().close();
  }
  json.close();
}

void add_needs(Json& json, const Needs& needs, bool steps) {
  if (needs.error) {
    json.key("error").open_object().member("code", to_string(needs.error->code()));
    json.member("where", needs.error->where()).member("message", needs.error->message()).close();
    return;
  }
  json.member("precision", to_string(needs.precision));
  if (!needs.note.empty()) json.member("note", needs.note);
  json.member("multiply_adds", needs.multiply_adds).key("memory").open_object().member("peak", needs.memory.peak());
  json.member("packed", needs.memory.packed)
      .member("values", needs.memory.values)
      .member("scratch", needs.memory.scratch);
  json.member("io", needs.memory.io).close();
  if (!steps) return;
  json.key("steps").open_array();
  for (const StepInfo& step : needs.steps) {
    json.open_object().member("node", step.node).member("kernel", step.kernel).member("layout", to_string(step.layout));
    json.member("dtype", to_string(step.output.dtype)).member("shape", step.output.shape);
    json.member("multiply_adds", step.multiply_adds).member("predicted_ms", step.predicted_ms).close();
  }
  json.close();
}

void print_json(const std::string& path, const Model& model, const Needs& needs, bool steps) {
  Json json;
  json.open_object().member("model", path).member("id", model.id()).key("meta").open_object();
  for (const auto& [key, text] : model.graph().meta) json.member(key, text);
  json.close();
  add_ports(json, "inputs", model.inputs());
  add_ports(json, "outputs", model.outputs());
  json.member("labels", model.labels()).key("preprocess");
  if (const auto& p = model.graph().preprocess) {
    json.open_object()
        .member("color", name_of(p->color))
        .member("resize", name_of(p->resize))
        .member("width", p->width);
    json.member("height", p->height).member("scale", p->scale).member("mean", p->mean).member("std", p->std);
    json.member("channels_last", p->channels_last).close();
  } else {
    json.null();
  }
  json.member("golden_case", model.graph().golden.has_value()).member("bytes", std::filesystem::file_size(path));
  json.member("parameters", parameters_of(model)).key("weights").open_object();
  for (const auto& [dtype, bytes] : weights_of(model)) json.member(to_string(dtype), bytes);
  json.close().member("operators", model.graph().nodes.size());
  add_needs(json, needs, steps);
  print(json.close().take());
}

}  // namespace

Exit info(Words words) {
  EngineArguments engine;
  bool steps = false, operators = false;
  Arguments arguments("info", "MODEL",
                      "Shows what a model is, what it takes and gives, and what it needs on this machine.\n"
                      "slip info --operators lists the operators of this build instead.");
  arguments.flag("--steps", steps, "also the steps of the plan, with kernel and layout");
  arguments.flag("--operators", operators, "list the operators of this build; no MODEL");
  engine.add_to(arguments);
  if (!arguments.parse(words)) return Exit::Ok;
  if (operators) {
    if (!arguments.words().empty()) throw UsageError("--operators takes no MODEL");
    print(engine.json ? operators_json() : operators_text());
    return Exit::Ok;
  }
  const std::string& path = arguments.only_word();
  Progress progress("loading " + path);
  const Model model = Model::load(path);
  progress.now("planning " + path);
  const Needs needs = needs_of(model, engine);
  if (engine.json)
    print_json(path, model, needs, steps);
  else
    print_text(path, model, needs, steps);
  if (!needs.error) return Exit::Ok;
  const std::string line = "slip: no plan: " + safe(needs.error->what()) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  return needs.shapes_known ? exit_of(needs.error->code()) : Exit::Ok;
}

}  // namespace coverslip::tool
