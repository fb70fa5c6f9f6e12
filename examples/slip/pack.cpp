// slip pack: writes a model with its weights as one instruction set wants them.
#include <filesystem>

#include "json.hpp"
#include "progress.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace coverslip::tool {

Exit pack(Words words) {
  EngineArguments engine;
  std::string output;
  Arguments arguments(
      "pack", "MODEL",
      "Writes the model with its weights also as they are packed for --target (the best of this machine, if none is\n"
      "given): a program that runs there maps them, and packs nothing while it loads. The file grows by the packed\n"
      "weights; anywhere else it is what it was before. Give the options that the program will have.");
  arguments.option("-o, --output", "OUT.slip", "the file to write, which may be MODEL itself",
                   [&](std::string_view text) { output = text; });
  engine.add_to(arguments);
  if (!arguments.parse(words)) return Exit::Ok;
  const std::string& path = arguments.only_word();
  if (output.empty()) throw UsageError("-o: which file is to be written?");

  Progress progress("loading " + path);
  const Model model = Model::load(path);
  progress.now("packing " + path);
  Session session(model, engine.options);
  const std::size_t packed = session.memory(engine.input_shapes(model)).packed;
  progress.now("writing " + output);
  model.save_packed(output);
  const std::uintmax_t size = std::filesystem::file_size(output);
  if (engine.json) {
    Json json;
    json.open_object().member("model", output).member("target", to_string(session.target()));
    print(json.member("packed", packed).member("bytes", size).close().take());
  } else {
    print(safe(output) + ": " + bytes_text(static_cast<double>(size)) + ", of which " +
          bytes_text(static_cast<double>(packed)) + " are weights packed for " +
          std::string(to_string(session.target())) + "\n");
  }
  return Exit::Ok;
}

}  // namespace coverslip::tool
