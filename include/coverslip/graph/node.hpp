// One operator of the graph, as the file names it.
#pragma once
#include <map>
#include <variant>

#include "coverslip/core/tensor.hpp"

namespace coverslip {
inline namespace v0 {

using ValueId = std::size_t;
inline constexpr ValueId kNoValue = static_cast<ValueId>(-1);  // an optional input that is absent

// A std::variant, but for its copies: that of libstdc++ 12 destroys what it never made when there is no memory for it.
class Attribute : public std::variant<Dim, float, std::string, std::vector<Dim>, std::vector<float>> {
 public:
  using variant::variant;
  Attribute() = default;
  Attribute(const Attribute& other) : variant() { variant::operator=(other); }
  Attribute(Attribute&&) noexcept = default;
  Attribute& operator=(const Attribute&) = default;
  Attribute& operator=(Attribute&&) noexcept = default;
  ~Attribute() = default;
};
using Attributes = std::map<std::string, Attribute, std::less<>>;

struct Node {
  std::string op, name;
  std::vector<ValueId> inputs{}, outputs{};  // optional inputs at the end may be missing, others are kNoValue
  Attributes attributes{};

  std::string label() const { return op + " '" + name + "'"; }
  bool has(std::size_t input) const { return input < inputs.size() && inputs[input] != kNoValue; }
  // T is one of Attribute's types. Throws Error(BadModel) where the attribute has another.
  template <class T>
  T attr(std::string_view key, T fallback) const {
    const T* value = find<T>(key);
    return value != nullptr ? *value : fallback;
  }
  // Null where there is none.
  template <class T>
  const T* find(std::string_view key) const {
    const auto it = attributes.find(key);
    if (it == attributes.end()) return nullptr;
    if (const T* value = std::get_if<T>(&it->second)) return value;
    throw Error(Errc::BadModel, label(), "attribute '", key, "' has the wrong type");
  }
};

}  // namespace v0
}  // namespace coverslip
