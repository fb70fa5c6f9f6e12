// slip run: a model on pictures, arrays, or random numbers.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "inputs.hpp"
#include "json.hpp"
#include "npy.hpp"
#include "progress.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace coverslip::tool {
namespace {

struct RunArguments {
  EngineArguments engine;
  std::string model, output;
  std::vector<std::string> files;
  std::uint64_t seed = 1;
  std::size_t top = 5;
};

// What a run is told about.
struct Answer {
  std::string source;
  double ms = 0;
  std::vector<Tensor> outputs{};
  std::vector<std::string> written{};  // a file for each output; empty: none were asked for
};

struct Range {
  double least = 0, most = 0, mean = 0;
};

Range range_of(const Tensor& tensor) {
  if (tensor.shape().elements() == 0) return {};
  double least = INFINITY, most = -INFINITY, sum = 0;
  visit(tensor.dtype(), [&](auto element) {
    using T = decltype(element);
    for (const T& x : tensor.values<T>()) {
      double value = 0;
      if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
        value = to_float(x);
      else
        value = static_cast<double>(x);
      least = std::min(least, value);
      most = std::max(most, value);
      sum += value;
    }
  });
  return {least, most, sum / static_cast<double>(tensor.shape().elements())};
}

// The places of the largest values, largest first, where a tensor is the scores of one sample's classes.
std::vector<std::size_t> top_classes(const Tensor& scores, std::size_t most) {
  const Shape& shape = scores.shape();
  const Dim classes = shape.rank() == 0 ? 0 : shape[shape.rank() == 1 ? 0 : 1];
  if (scores.dtype() != DType::f32 || classes < 2 || shape.elements() != classes) return {};
  const auto values = scores.values<float>();
  std::vector<std::size_t> places(values.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  const auto end = places.begin() + static_cast<std::ptrdiff_t>(std::min(most, places.size()));
  std::partial_sort(places.begin(), end, places.end(), [&](std::size_t a, std::size_t b) {
    if (std::isnan(values[a]) || std::isnan(values[b]))
      return std::isnan(values[b]) && (!std::isnan(values[a]) || a < b);
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  });
  places.erase(end, places.end());
  return places;
}

// "scores.npy" for the only file that is written, else "scores.0.npy", "scores.1.npy", ...
std::string numbered(const std::string& path, std::size_t number, std::size_t of) {
  if (of == 1) return path;
  const std::filesystem::path whole(path);
  std::filesystem::path name = whole.stem();
  name += "." + std::to_string(number);
  name += whole.extension();
  return (whole.parent_path() / name).string();
}

// The inputs of each run: a file each for a model of one input, else all files together; random ones without a file.
std::vector<std::vector<Tensor>> inputs_of(const RunArguments& arguments, const Model& model) {
  std::vector<std::vector<Tensor>> runs;
  if (arguments.files.empty()) {
    runs.push_back(random_inputs(model, arguments.engine.input_shapes(model), arguments.seed));
  } else if (model.inputs().size() == 1) {
    for (const std::string& file : arguments.files) runs.emplace_back().push_back(input_from(model, file));
  } else if (model.inputs().size() == arguments.files.size()) {
    std::vector<Tensor>& inputs = runs.emplace_back();
    for (const std::string& file : arguments.files) inputs.push_back(input_from(model, file));
  } else {
    throw UsageError("the model has " + std::to_string(model.inputs().size()) +
                     " inputs and wants a file for each, got " + std::to_string(arguments.files.size()));
  }
  return runs;
}

std::vector<Answer> answers_of(const RunArguments& arguments, const Model& model, Session& session,
                               Progress& progress) {
  progress.now("reading inputs");
  const std::vector<std::vector<Tensor>> runs = inputs_of(arguments, model);
  std::vector<Answer> answers;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const bool random = arguments.files.empty();
    Answer& answer = answers.emplace_back(
        Answer{random ? "random numbers, seed " + std::to_string(arguments.seed) : arguments.files[r]});
    progress.now("running " + answer.source);
    const auto start = std::chrono::steady_clock::now();
    answer.outputs = session.run(runs[r], {.progress = progress.share()});
    answer.ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (arguments.output.empty()) continue;
    const std::size_t outputs = answer.outputs.size();
    for (std::size_t i = 0; i < outputs; ++i) {
      answer.written.push_back(numbered(arguments.output, r * outputs + i, runs.size() * outputs));
      write_npy(answer.written.back(), answer.outputs[i]);
    }
  }
  return answers;
}

void print_text(const RunArguments& arguments, const Model& model, const Session& session,
                const std::vector<Answer>& answers) {
  if (!session.note().empty()) print(session.note() + "\n");
  for (const Answer& answer : answers) {
    print(safe(answer.source) + "  (" + milliseconds(answer.ms) + ")\n");
    for (std::size_t i = 0; i < answer.outputs.size(); ++i) {
      const Tensor& output = answer.outputs[i];
      const Range range = range_of(output);
      const std::string where = answer.written.empty() ? "" : " -> " + safe(answer.written[i]);
      print("  " + safe(model.outputs()[i].name) + "  " + to_string(output.type()) + "  from " + fixed(range.least, 4) +
            " to " + fixed(range.most, 4) + ", mean " + fixed(range.mean, 4) + where + "\n");
      if (i > 0) continue;
      for (const std::size_t place : top_classes(output, arguments.top))
        print("  " + std::string(4, ' ') + fixed(output.values<float>()[place], 4) + "  " + safe(model.label(place)) +
              "\n");
    }
  }
}

void print_json(const RunArguments& arguments, const Model& model, const Session& session,
                const std::vector<Answer>& answers) {
  Json json;
  json.open_object().member("model", arguments.model).member("id", model.id());
  json.member("target", to_string(session.target())).member("threads", session.threads());
  json.member("precision", to_string(session.precision()));
  if (!session.note().empty()) json.member("note", session.note());
  json.key("runs").open_array();
  for (const Answer& answer : answers) {
    json.open_object().member("source", answer.source).member("milliseconds", answer.ms);
    json.key("outputs").open_array();
    for (std::size_t i = 0; i < answer.outputs.size(); ++i) {
      const Tensor& output = answer.outputs[i];
      const Range range = range_of(output);
      json.open_object().member("name", model.outputs()[i].name).member("dtype", to_string(output.dtype()));
      json.member("shape", output.shape())
          .member("min", range.least)
          .member("max", range.most)
          .member("mean", range.mean);
      if (!answer.written.empty()) json.member("file", answer.written[i]);
      const std::vector<std::size_t> top = i == 0 ? top_classes(output, arguments.top) : std::vector<std::size_t>{};
      if (!top.empty()) {
        json.key("top").open_array();
        for (const std::size_t place : top) {
          json.open_object().member("class", place).member("label", model.label(place));
          json.member("value", output.values<float>()[place]).close();
        }
        json.close();
      }
      json.close();
    }
    json.close().close();
  }
  print(json.close().close().take());
}

}  // namespace

Exit run(Words words) {
  RunArguments mine;
  Arguments arguments(
      "run", "MODEL [FILE ...]",
      "Runs a model on each FILE: a picture (PNG, JPEG), which goes through the model's preprocessing, or a\n"
      "NumPy array (.npy). A model with several inputs takes a FILE for each. Without a FILE it gets random numbers.");
  arguments
      .option("-o, --output", "OUT.npy", "write the output; several are numbered: OUT.0.npy, OUT.1.npy, ...",
              [&](std::string_view text) { mine.output = text; })
      .option(
          "--top", "N", "classes to name; the default is 5",
          [&](std::string_view text) { mine.top = static_cast<std::size_t>(parse_integer("--top", text, 0, 1000)); })
      .option("--seed", "N", "of the random numbers; the default is 1", [&](std::string_view text) {
        mine.seed = static_cast<std::uint64_t>(parse_integer("--seed", text, 0, std::numeric_limits<long long>::max()));
      });
  mine.engine.add_to(arguments);
  if (!arguments.parse(words)) return Exit::Ok;
  if (arguments.words().empty()) throw UsageError("which MODEL?");
  mine.model = arguments.words()[0];
  mine.files.assign(arguments.words().begin() + 1, arguments.words().end());
  if (!mine.files.empty() && !mine.engine.shapes.empty())
    throw UsageError("--shape is for random numbers; a FILE has a shape");

  Progress progress("loading " + mine.model);
  const Model model = Model::load(mine.model);
  progress.now("planning " + mine.model);
  Session session(model, mine.engine.options);
  const std::vector<Answer> answers = answers_of(mine, model, session, progress);
  if (mine.engine.json)
    print_json(mine, model, session, answers);
  else
    print_text(mine, model, session, answers);
  return Exit::Ok;
}

}  // namespace coverslip::tool
