// Files that hold packed weights: written, mapped, and not trusted.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "coverslip/coverslip.hpp"
#include "coverslip/io/reader.hpp"
#include "support.hpp"

using namespace coverslip;

namespace {

constexpr const char* kGolden = COVERSLIP_SOURCE_DIR "/tests/data/golden/v1.slip";

// A path that nothing stands at when the test ends.
struct Scratch {
  std::string path = (std::filesystem::temp_directory_path() / "coverslip_packed_file_test.slip").string();
  ~Scratch() { std::filesystem::remove(path); }
};

std::vector<std::byte> bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Tensor input() { return ramp({DType::f32, {1, 3, 8, 8}}); }

std::vector<Tensor> answers(const Model& model, const Options& options = {}) {
  const std::array<Tensor, 1> inputs{input()};
  return Session(model, options).run(inputs);
}

bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::ranges::equal(a, b, [](const Tensor& x, const Tensor& y) { return same_bits(x, y); });
}

// The golden file with its weights as this target wants them.
std::vector<std::byte> packed_for(const Options& options) {
  const Scratch scratch;
  const Model model = Model::load(kGolden);
  answers(model, options);
  model.save_packed(scratch.path);
  CHECK_FALSE(std::filesystem::exists(scratch.path + ".part"));
  return bytes_of(scratch.path);
}

io::Part part(std::span<const std::byte> file, const format::Section& section) {
  const io::Table table = io::Container(file, {}).table(section);
  return {table.bytes(), table.offset()};
}

// The file with numbers of other values in each packed constant; their hash is not looked at while loading.
std::vector<std::byte> with_other_numbers(std::vector<std::byte> file) {
  const io::Part payloads = part(file, format::pdat::kSection);
  const auto records = io::Container(file, {}).table(format::pack::kSection);
  for (std::uint64_t i = 0; i < records.size(); ++i) {
    const float three = 3;
    for (std::uint64_t at = 0; at < records(i, format::pack::kSize); at += sizeof three)
      std::memcpy(file.data() + payloads.offset + records(i, format::pack::kOffset) + at, &three, sizeof three);
  }
  return file;
}

}  // namespace

TEST_CASE("a file with packed weights gives the same bits, on every target") {
  const Model plain = Model::load(kGolden);
  const std::vector<std::byte> file = packed_for({});
  const Model packed = Model::load(std::span(file));
  CHECK(packed.id() != plain.id());
  for (const Target target : cpu().targets) {
    CAPTURE(to_string(target));
    CHECK(same(answers(packed, {.target = target}), answers(plain, {.target = target})));
  }
  CHECK(packed.verify().passed);
}

TEST_CASE("packed weights are used where they lie, by the target that they were packed for") {
  const auto file = with_other_numbers(packed_for({}));
  const Model model = Model::load(std::span(file));
  CHECK_FALSE(same(answers(model), answers(Model::load(kGolden))));
  CHECK_THROWS_AS(check_weights(file), Error);
}

TEST_CASE("packed weights of another version of the packing are left alone") {
  auto file = with_other_numbers(packed_for({}));
  const io::Part records = part(file, format::pack::kSection);
  for (std::uint64_t at = 0; at < records.bytes.size(); at += format::pack::kSection.record_size)
    file[records.offset + at + format::pack::kVersion.offset] = std::byte{255};
  // Sealed as io/pack_writer.hpp does it: the section's hash, then the root.
  const auto whole = std::span(file);
  const std::uint64_t sections = std::to_integer<std::uint64_t>(file[24]);
  for (std::uint64_t i = 0; i < sections; ++i) {
    const auto record = whole.subspan(format::kHeader + i * 64, 64);
    if (std::to_integer<std::uint32_t>(record[0]) != format::pack::kSection.kind) continue;
    std::ranges::copy(io::sha256(whole.subspan(records.offset, records.bytes.size())), record.begin() + 32);
  }
  const auto hashed = whole.subspan(format::kHeader, sections * 64);
  std::ranges::copy(io::Sha256().add(whole.first(format::kRoot)).add(hashed).digest(), whole.begin() + format::kRoot);
  CHECK(same(answers(Model::load(whole)), answers(Model::load(kGolden))));
}

TEST_CASE("a file is packed again over itself, and packed bytes depend on nothing else") {
  const Scratch scratch;
  const auto file = packed_for({});
  std::ofstream(scratch.path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  const Model model = Model::load(scratch.path);
  answers(model);
  model.save_packed(scratch.path);
  CHECK(bytes_of(scratch.path) == file);
  CHECK(same(answers(model), answers(Model::load(kGolden))));
}

TEST_CASE("what cannot be written packed is said") {
  const Scratch scratch;
  CHECK_THROWS_WITH(Model::load(kGolden).save_packed(scratch.path), doctest::Contains("plan a Session first"));
  Graph graph;
  graph.outputs.push_back(graph.append("Relu", "r", {graph.input({DType::f32, {1, 2}})}));
  CHECK_THROWS_WITH(Model(std::move(graph)).save_packed(scratch.path), doctest::Contains("made in code"));
  const Model model = Model::load(kGolden);
  answers(model);
  CHECK_THROWS_AS(model.save_packed("/no such folder/a.slip"), Error);
  CHECK_FALSE(std::filesystem::exists(scratch.path));
}
