// slip: runs, measures, describes and checks models from the command line.
#include <cstdio>
#include <new>

#include "json.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace coverslip::tool {

Exit exit_of(Errc code) {
  switch (code) {
    case Errc::BadModel:
    case Errc::BadInput:
    case Errc::BadShape: return Exit::BadInput;
    case Errc::Unsupported: return Exit::Unsupported;
    case Errc::Io: return Exit::Io;
    case Errc::OutOfMemory:
    case Errc::OverBudget: return Exit::Memory;
    case Errc::Busy:
    case Errc::Cancelled: break;
  }
  return Exit::Usage;
}

namespace {

constexpr struct {
  std::string_view name, summary;
  Exit (*run)(Words);
} kVerbs[] = {
    {"run", "run a model on pictures or arrays", run},
    {"bench", "how fast it is here, and where the time goes", bench},
    {"info", "what is in a model, and what it needs", info},
    {"verify", "does it give the right answers on this machine?", verify},
    {"pack", "write it with weights that need not be packed when it is loaded", pack},
    {"cpu", "what this machine offers", show_cpu},
};

std::string help() {
  std::string lines;
  for (const auto& verb : kVerbs)
    lines +=
        "  slip " + std::string(verb.name) + std::string(9 - verb.name.size(), ' ') + std::string(verb.summary) + "\n";
  return "slip " COVERSLIP_VERSION ": neural networks for medical images, on ordinary CPUs\n\n" + lines +
         "\nslip VERB --help tells more. Models are .slip files; python -m coverslip convert makes them from ONNX and "
         "Keras.\n"
         "Exit codes: 0 ok, 1 usage, 2 bad model or input, 3 unsupported, 4 input or output, 5 memory, 6 verify "
         "failed.\n";
}

// What went wrong goes to stderr, and with --json to stdout as well, where it is the one document.
Exit report(Exit exit, bool json, std::string_view code, std::string_view where, std::string_view message) {
  const std::string line = "slip: " + safe(where) + (where.empty() ? "" : ": ") + safe(message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  if (json) {
    Json document;
    document.open_object().key("error").open_object().member("code", code);
    document.member("where", where).member("message", message).member("exit_code", static_cast<int>(exit));
    print(document.close().close().take());
    std::fflush(stdout);
  }
  return exit;
}

Exit dispatch(Words words) {
  if (words.empty()) {
    const std::string text = help();
    std::fwrite(text.data(), 1, text.size(), stderr);
    return Exit::Usage;
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print(help());
    return Exit::Ok;
  }
  if (words[0] == "--version") {
    print("slip " COVERSLIP_VERSION "\n");
    return Exit::Ok;
  }
  for (const auto& verb : kVerbs)
    if (verb.name == words[0]) return verb.run(words.subspan(1));
  throw UsageError("there is no verb '" + words[0] + "'");
}

Exit run_tool(Words words) {
  bool json = false;
  for (const std::string& word : words) json = json || word == "--json";
  try {
    const Exit exit = dispatch(words);
    finish_output();
    return exit;
  } catch (const UsageError& error) {
    return report(Exit::Usage, json, "Usage", "", std::string(error.what()) + "; slip --help tells more");
  } catch (const Error& error) {
    return report(exit_of(error.code()), json, to_string(error.code()), error.where(), error.message());
  } catch (const std::bad_alloc&) {
    return report(Exit::Memory, json, to_string(Errc::OutOfMemory), "memory",
                  "the system does not give enough; --max-memory sets a limit");
  } catch (const std::exception& error) {
    return report(Exit::Usage, json, "Internal", "internal error", error.what());
  }
}

}  // namespace
}  // namespace coverslip::tool

int main(int argc, char** argv) {
  return static_cast<int>(coverslip::tool::run_tool(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc)));
}
