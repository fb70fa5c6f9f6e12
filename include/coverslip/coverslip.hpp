// The public API: include it anywhere; it is light, without Highway and without TBB. One .cpp includes impl.hpp.
#pragma once
#include <atomic>
#include <optional>

#include "coverslip/graph/preprocess.hpp"

namespace coverslip {
inline namespace v0 {

struct Graph;  // graph/graph.hpp: for those who make a network in code

// Instruction sets, in the order in which a CPU of each kind would rather be without them.
enum class Target : std::uint8_t { Scalar, Sse2, Sse4, Avx2, Avx3, Avx3Dl, Avx3Zen4, Avx3Spr, Neon, NeonBf16 };
inline constexpr std::string_view kTargetNames[] = {"scalar",  "sse2",      "sse4",     "avx2", "avx3",
                                                    "avx3_dl", "avx3_zen4", "avx3_spr", "neon", "neon_bf16"};
constexpr std::string_view to_string(Target target) { return kTargetNames[static_cast<std::size_t>(target)]; }

enum class Precision : std::uint8_t { AsFile, Float32, Bfloat16, Int8 };
inline constexpr std::string_view kPrecisionNames[] = {"file", "float32", "bfloat16", "int8"};
constexpr std::string_view to_string(Precision precision) {
  return kPrecisionNames[static_cast<std::size_t>(precision)];
}

struct Options {
  int threads = 0;                          // 0: as many as quota, cpuset and affinity allow; never more than cores
  Precision precision = Precision::AsFile;  // of the arithmetic; Bfloat16: where the target can, see Session::note
  std::optional<Target> target{};           // none: the best that this CPU runs
  std::size_t max_memory = 0;               // bytes for weights, packed weights, values and scratch; 0: no limit
  bool winograd = true;                     // faster convolutions that round more and need more memory for weights
};

// An input or output of a model. Free dimensions are kFree.
struct Port {
  std::string name;
  DType dtype;
  Shape shape;
};

// The answer of a golden case, see Model::verify.
struct Verification {
  bool passed = false;
  std::size_t samples = 0;
  double largest_difference = 0, tolerance = 0;  // the file's; in bfloat16 at least 1/16 of the largest number
  Precision precision = Precision::Float32;      // of the arithmetic, and why, see Session
  std::string note{};
};

// A network: immutable, cheap to copy, safe to share between threads. Weights of a loaded file stay mapped.
class Model {
 public:
  // Throws Error: Io, or BadModel and Unsupported with the offset and field that are wrong.
  static Model load(const std::string& path);
  // The same from memory, which the model keeps alive and nobody may change; it begins at a multiple of kAlign.
  static Model load(Bytes file, std::size_t size);
  // The same from memory anywhere, of which the model keeps a copy.
  static Model load(std::span<const std::byte> file);
  explicit Model(Graph graph);  // made in code, not read from a file

  const std::vector<Port>& inputs() const;
  const std::vector<Port>& outputs() const;
  const std::vector<std::string>& labels() const;  // of the first output; may be empty
  std::string label(std::size_t index) const;      // "class 7" where the file names none
  Preprocess preprocess() const;                   // Throws Error(BadInput) where the file has none
  const Graph& graph() const;
  std::string_view meta(std::string_view key) const;  // empty: not in the file
  std::string_view id() const;  // hash of the file's structure and weights; empty: not from a file
  std::size_t weight_bytes() const;
  std::size_t packed_bytes() const;  // of weights as kernels want them, for all Sessions so far

  // Writes the file of this model again, with its weights as all Sessions so far have packed them: a Session that would
  // pack them so maps them instead. Throws Error(BadInput) where there is no file, or no Session has packed anything,
  // and Error(Io).
  void save_packed(const std::string& path) const;

  // Runs the golden case of the file on this machine. Throws Error(BadInput) where it has none, Error(BadModel) where
  // the weights do not match their hash.
  Verification verify(const Options& options = {}) const;

 private:
  friend class Session;
  struct State;
  explicit Model(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// For a run that may take long: another thread sets and watches these.
struct RunControl {
  const std::atomic<bool>* stop = nullptr;  // read between pieces of steps; once true, the run throws Error(Cancelled)
  std::atomic<double>* progress = nullptr;  // written as often: the share that is done, 0 to 1
};

struct StepInfo {
  // "Conv 'features.0'", "conv_indirect". A kernel "(chained)" runs box by box with the step after it,
  // one "(by sample)" sample by sample with all that read what it makes.
  std::string node, kernel;
  TensorType output;
  Layout layout = Layout::Planar;
  double multiply_adds = 0;
  // Of all inputs, weights among them as the kernel reads them, and outputs; not of what lies between chained steps.
  std::size_t bytes = 0;
  double predicted_ms = 0, ms = 0;  // on one core; measured by profile(), else 0
};

// In bytes, known before the first run.
struct MemoryUse {
  std::size_t weights = 0;  // as the file holds them; mapped, and dropped by the system when it wants
  std::size_t packed = 0;   // weights as kernels want them, shared by all Sessions of the model
  std::size_t values = 0;   // between the steps
  std::size_t scratch = 0;  // of all threads
  std::size_t io = 0;       // inputs and outputs
  std::size_t peak() const { return packed + values + scratch + io; }
};

// A plan and memory for one caller. A copy shares plan and packed weights, and has memory of its own: one for each
// thread.
class Session {
 public:
  explicit Session(const Model& model, const Options& options = {});
  Session(const Session& other);
  Session(Session&&) noexcept;
  Session& operator=(const Session& other);
  Session& operator=(Session&&) noexcept;
  ~Session();

  // The outputs, in the model's order. Plans when a shape is new. Throws Error: BadInput, BadShape, OverBudget (before
  // anything runs, with the least that would do), Busy (another thread runs this Session), Cancelled.
  std::vector<Tensor> run(std::span<const Tensor> inputs, const RunControl& control = {});
  // Of a model with one input: its first output.
  Tensor run(const Tensor& input, const RunControl& control = {});

  // Of the model's own shapes, or of those given (needed where the model's are free). Plans if that was not done yet.
  std::string describe(std::span<const Shape> input_shapes = {});  // a line for each step, then the memory
  std::vector<StepInfo> steps(std::span<const Shape> input_shapes = {});
  MemoryUse memory(std::span<const Shape> input_shapes = {});
  // Runs once, and times each step.
  std::vector<StepInfo> profile(std::span<const Tensor> inputs);

  const Model& model() const;
  int threads() const;
  Target target() const;
  Precision precision() const;  // of the arithmetic: Float32 or, in products with constant weights, Bfloat16
  // A sentence where that is not what Options ask for, as the target has no fast products in it; else empty.
  const std::string& note() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// This machine, as a Session with Options{} sees it.
struct Cpu {
  std::vector<Target> targets;  // that this build has and this CPU runs, best first
  int cores = 0;                // of the machine
  int allowed = 0;              // by cpuset and affinity
  double quota = 0;             // CPUs that the cgroup grants; 0: no limit
  int threads = 1;              // what Options.threads = 0 means
};
Cpu cpu();

// What a file may hold, by ONNX's names.
std::vector<std::string> operators();

}  // namespace v0
}  // namespace coverslip
