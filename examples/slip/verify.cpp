// slip verify: does a model give the right answers on this machine?
#include "json.hpp"
#include "progress.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace coverslip::tool {
namespace {

std::string scientific(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", x);
  return text;
}

}  // namespace

Exit verify(Words words) {
  EngineArguments engine;
  Arguments arguments(
      "verify", "MODEL",
      "Hashes the file's weights, runs its golden case on this machine, and compares the outputs with those that\n"
      "the file holds. Exit code 6: they differ by more than the file allows.");
  engine.add_to(arguments);
  if (!arguments.parse(words)) return Exit::Ok;
  const std::string& path = arguments.only_word();
  if (!engine.shapes.empty()) throw UsageError("--shape: the golden case has shapes of its own");

  Progress progress("loading " + path);
  const Model model = Model::load(path);
  progress.now("verifying " + path);
  const Verification result = model.verify(engine.options);
  if (engine.json) {
    Json json;
    json.open_object().member("model", path).member("id", model.id()).member("passed", result.passed);
    json.member("samples", result.samples).member("largest_difference", result.largest_difference);
    json.member("tolerance", result.tolerance).member("precision", to_string(result.precision));
    if (!result.note.empty()) json.member("note", result.note);
    print(json.close().take());
  } else {
    print(safe(path) + (result.passed ? ": verified\n" : ": FAILED, do not use it on this machine\n"));
    print("  weights             as hashed\n");
    print("  precision           " + std::string(to_string(result.precision)) +
          (result.note.empty() ? "\n" : "  (" + result.note + ")\n"));
    print("  samples compared    " + std::to_string(result.samples) + "\n");
    print("  largest difference  " + scientific(result.largest_difference) + "\n");
    print("  tolerance           " + scientific(result.tolerance) + "\n");
  }
  return result.passed ? Exit::Ok : Exit::VerifyFailed;
}

}  // namespace coverslip::tool
