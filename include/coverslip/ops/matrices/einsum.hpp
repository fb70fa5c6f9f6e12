// Einsum: a sum of products over named axes. Planned as diagonals, sums, transposes and products of matrices, two
// operands at a time.
#pragma once
#include <map>

#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/matrices/arithmetic.hpp"

namespace coverslip::inline v0::ops {

// Letters, and negative numbers for the axes that an ellipsis stands for: -1 is the last of them.
using Labels = std::vector<int>;

inline bool holds(const Labels& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

struct Einsum {
  std::vector<Labels> terms;   // of each operand, an axis each
  Labels output, summed;       // summed: those that the output has not
  std::map<int, Dim> extents;  // 1 is broadcast

  Einsum(const Node& node, const Types& in) : node_(node) {
    std::string equation = node.attr("equation", std::string());
    std::erase(equation, ' ');
    const std::size_t arrow = equation.find("->");
    std::string_view left = std::string_view(equation).substr(0, arrow);
    for (std::size_t i = 0; i < in.size(); ++i) {
      const std::size_t comma = left.find(',');
      if ((comma == left.npos) != (i + 1 == in.size())) fail("has not a term for each input");
      add_term(left.substr(0, comma), in[i].shape);
      left.remove_prefix(comma == left.npos ? left.size() : comma + 1);
    }
    if (arrow == equation.npos)
      imply_output();
    else
      output = parse(std::string_view(equation).substr(arrow + 2), ellipsis_);
    for (const int label : output)
      if (!extents.contains(label) || std::count(output.begin(), output.end(), label) > 1)
        fail("has an output with an axis that no input has, or that it has twice");
    for (const auto& [label, extent] : extents) {
      if (holds(output, label)) continue;
      if (label < 0) fail("has an output without the axes of its ellipsis");
      summed.push_back(label);
    }
  }

  Shape shape_of(const Labels& labels) const {
    Shape shape;
    for (const int label : labels) shape.push_back(extents.at(label));
    return shape;
  }
  Dim count(const Labels& labels) const {
    Dim n = 1;
    for (const int label : labels) n *= extents.at(label);
    return n;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw Error(Errc::BadShape, node_.label(), "equation '", node_.attr("equation", std::string()), "' ", what);
  }

  // `hidden`: axes that an ellipsis stands for.
  Labels parse(std::string_view term, std::size_t hidden) const {
    Labels labels;
    bool has_ellipsis = false;
    for (std::size_t i = 0; i < term.size(); ++i) {
      const char c = term[i];
      if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        labels.push_back(c);
      } else if (term.substr(i, 3) == "..." && !has_ellipsis) {
        for (std::size_t axis = hidden; axis > 0; --axis) labels.push_back(-static_cast<int>(axis));
        has_ellipsis = true;
        i += 2;
      } else {
        fail("holds what is neither a letter nor an ellipsis");
      }
    }
    return labels;
  }

  void add_term(std::string_view term, const Shape& shape) {
    const std::size_t letters = parse(term, 0).size();
    const bool has_ellipsis = term.find('.') != term.npos;
    if (letters > shape.rank() || (letters < shape.rank() && !has_ellipsis))
      fail("has a term with other axes than its input");
    const std::size_t hidden = shape.rank() - letters;
    ellipsis_ = std::max(ellipsis_, hidden);
    const Labels& labels = terms.emplace_back(parse(term, hidden));
    for (std::size_t axis = 0; axis < labels.size(); ++axis) {
      Dim& extent = extents.try_emplace(labels[axis], shape[axis]).first->second;
      if (extent == 1) extent = shape[axis];
      if (shape[axis] != extent && shape[axis] != 1) fail("has an axis of different extents");
      const auto first = std::find(labels.begin(), labels.end(), labels[axis]) - labels.begin();
      if (shape[static_cast<std::size_t>(first)] != shape[axis]) fail("has a diagonal of different extents");
    }
  }

  // The axes of the ellipsis, then the letters that occur once in all, in order.
  void imply_output() {
    output = parse("...", ellipsis_);
    for (const auto& [label, extent] : extents) {
      std::ptrdiff_t times = 0;
      for (const Labels& labels : terms) times += std::count(labels.begin(), labels.end(), label);
      if (label > 0 && times == 1) output.push_back(label);
    }
  }

  const Node& node_;
  std::size_t ellipsis_ = 0;
};

inline Types einsum_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, std::max<std::size_t>(in.size(), 1));
  for (std::size_t i = 0; i < in.size(); ++i)
    if (!node.has(i)) throw Error(Errc::BadModel, node.label(), "input ", i, " is absent");
  want_arithmetic(node, in);
  const Einsum einsum(node, in);
  const Shape y = einsum.shape_of(einsum.output);
  y.elements();
  return {{in[0].dtype, y}};
}

inline void einsum(const Node& node, Inputs in, Outputs out) {
  const Einsum sum(node, types_of(in));
  std::map<int, Dim> at;
  visit_arithmetic(out[0].dtype(), [&]<class T>(T) {
    const auto product = [&] {
      Wide<T> all = 1;
      for (std::size_t i = 0; i < in.size(); ++i) {
        Index place;
        for (const int label : sum.terms[i]) place.push_back(in[i].shape()[place.rank()] == 1 ? 0 : at[label]);
        all *= widen(*in[i].as<T>(place));
      }
      return all;
    };
    for_each(out[0].held(), [&](const Index& y) {
      for (std::size_t axis = 0; axis < y.rank(); ++axis) at[sum.output[axis]] = y[axis];
      for (const int label : sum.summed) at[label] = 0;
      Wide<T> total = 0;
      for (Dim left = sum.count(sum.summed); left > 0; --left) {
        total += product();
        for (std::size_t i = sum.summed.size(); i > 0 && ++at[sum.summed[i - 1]] == sum.extents.at(sum.summed[i - 1]);
             --i)
          at[sum.summed[i - 1]] = 0;
      }
      *out[0].as<T>(y) = narrow<T>(total);
    });
  });
}

// A rounding for each term of the sum and each factor, and the reference's.
inline double einsum_tolerance(const Node& node, const Types& in) {
  const Einsum sum(node, in);
  return (static_cast<double>(sum.count(sum.summed)) + static_cast<double>(in.size()) + 3) * 0x1p-24;
}

// Builds the graph that does the same.
class EinsumGraph {
 public:
  EinsumGraph(const Node& node, const Types& in) : sum_(node, in), graph_(graph_for(node, in)) {
    for (std::size_t i = 0; i < in.size(); ++i) {
      Operand operand{graph_.inputs[i], {}};
      for (std::size_t axis = 0; axis < in[i].shape.rank(); ++axis)
        if (const int label = sum_.terms[i][axis]; in[i].shape[axis] == sum_.extents.at(label))
          operand.labels.push_back(label);
      if (operand.labels.size() < in[i].shape.rank()) reshape(operand, sum_.shape_of(operand.labels));
      for (const int label : sum_.terms[i])
        while (std::count(operand.labels.begin(), operand.labels.end(), label) > 1) take_diagonal(operand, label);
      operands_.push_back(operand);
    }
  }

  // Not where there is nothing to multiply, or a step might have too many axes.
  static bool covers(const Node& node, const Types& in) {
    const Einsum sum(node, in);
    for (const auto& [label, extent] : sum.extents)
      if (extent == 0) return false;
    return sum.extents.size() <= kMaxRank;
  }

  Graph take() && {
    for (std::size_t i = 0; i < operands_.size(); ++i) sum_alone(i);
    while (operands_.size() > 1) multiply();
    Operand& last = operands_.front();
    transpose(last, sum_.output);
    if (last.value == graph_.inputs.front()) last.value = graph_.append("Identity", "same", {last.value});
    graph_.outputs = {last.value};
    return std::move(graph_);
  }

 private:
  struct Operand {
    ValueId value;
    Labels labels;  // an axis each, none broadcast, and after the constructor no two the same
  };

  ValueId list(std::span<const Dim> numbers) {
    Tensor t({DType::i64, {static_cast<Dim>(numbers.size())}});
    std::copy(numbers.begin(), numbers.end(), t.values<std::int64_t>().begin());
    return graph_.constant(std::move(t));
  }

  void reshape(Operand& operand, const Shape& shape) {
    operand.value = graph_.append("Reshape", "shape", {operand.value, list(std::span(shape.begin(), shape.rank()))});
  }

  void permute(Operand& operand, const std::vector<Dim>& perm) {
    if (!std::is_sorted(perm.begin(), perm.end()))
      operand.value = graph_.append("Transpose", "order", {operand.value}, {{"perm", perm}});
  }

  void transpose(Operand& operand, const Labels& wanted) {
    std::vector<Dim> perm;
    for (const int label : wanted)
      perm.push_back(std::find(operand.labels.begin(), operand.labels.end(), label) - operand.labels.begin());
    operand.labels = wanted;
    permute(operand, perm);
  }

  // Two axes of the label become one, the last: of the flat matrix every element that is a row and a column further.
  void take_diagonal(Operand& operand, int label) {
    Labels others;
    std::vector<Dim> perm, twice;
    for (std::size_t axis = 0; axis < operand.labels.size(); ++axis) {
      const bool one = operand.labels[axis] == label && twice.size() < 2;
      (one ? twice : perm).push_back(static_cast<Dim>(axis));
      if (!one) others.push_back(operand.labels[axis]);
    }
    perm.insert(perm.end(), twice.begin(), twice.end());
    permute(operand, perm);
    const Dim n = sum_.extents.at(label), axis[] = {static_cast<Dim>(others.size())};
    Shape flat = sum_.shape_of(others);
    flat.push_back(n * n);
    reshape(operand, flat);
    const Dim start[] = {0}, end[] = {n * n}, step[] = {n + 1};
    operand.value = graph_.append("Slice", "diagonal", {operand.value, list(start), list(end), list(axis), list(step)});
    others.push_back(label);
    operand.labels = others;
  }

  // Of the output, or of another operand than these.
  bool wanted_beside(int label, std::size_t a, std::size_t b) const {
    bool found = holds(sum_.output, label);
    for (std::size_t i = 0; i < operands_.size(); ++i)
      found = found || (i != a && i != b && holds(operands_[i].labels, label));
    return found;
  }

  void sum_alone(std::size_t i) {
    std::vector<Dim> axes;
    Labels kept;
    for (const int& label : operands_[i].labels) {
      if (wanted_beside(label, i, i))
        kept.push_back(label);
      else
        axes.push_back(&label - operands_[i].labels.data());
    }
    if (axes.empty()) return;
    operands_[i] = {graph_.append("ReduceSum", "sum", {operands_[i].value, list(axes)}, {{"keepdims", Dim{0}}}), kept};
  }

  // The first two operands become one: [both, rows, terms] times [both, terms, columns].
  void multiply() {
    Operand &a = operands_[0], &b = operands_[1];
    Labels both, rows, terms, columns;
    for (const int label : a.labels) {
      const bool shared = holds(b.labels, label);
      (!shared ? rows : wanted_beside(label, 0, 1) ? both : terms).push_back(label);
    }
    for (const int label : b.labels)
      if (!holds(a.labels, label)) columns.push_back(label);
    const auto joined = [](const Labels& x, const Labels& y, const Labels& z) {
      Labels all = x;
      all.insert(all.end(), y.begin(), y.end());
      all.insert(all.end(), z.begin(), z.end());
      return all;
    };
    transpose(a, joined(both, rows, terms));
    transpose(b, joined(both, terms, columns));
    reshape(a, {sum_.count(both), sum_.count(rows), sum_.count(terms)});
    reshape(b, {sum_.count(both), sum_.count(terms), sum_.count(columns)});
    Operand product{graph_.append(terms.empty() ? "Mul" : "MatMul", "product", {a.value, b.value}),
                    joined(both, rows, columns)};
    reshape(product, sum_.shape_of(product.labels));
    operands_.erase(operands_.begin());
    operands_.front() = product;
  }

  Einsum sum_;
  Graph graph_;
  std::vector<Operand> operands_;
};

inline std::optional<Graph> expand_einsum(const Node& node, const Types& in, Constants constants) {
  if (auto graph = widened(node, in, einsum_type(node, in, constants))) return graph;
  if (in[0].dtype != DType::f32 || !EinsumGraph::covers(node, in)) return {};
  return EinsumGraph(node, in).take();
}

inline std::vector<Case> einsum_cases() {
  struct Row {
    const char* equation;
    std::vector<Shape> shapes;
    DType dtype = DType::f32;
  };
  const Row rows[] = {
      {"ij->ji", {{3, 4}}},
      {"ij->i", {{3, 4}}},
      {"ij", {{3, 4}}},
      {"ba", {{3, 4}}},
      {"->", {{}}},
      {"...ii->...i", {{3, 5, 5}}},
      {"ii", {{4, 4}}},
      {"iaiibb->bi", {{3, 2, 3, 3, 4, 4}}},
      {"ii,ij->j", {{1, 1}, {5, 2}}},
      {"i,i", {{5}, {5}}},
      {"i,j->ji", {{3}, {4}}},
      {"ij,jk", {{5, 7}, {7, 17}}},
      {"bij, bjk -> bik", {{5, 2, 3}, {5, 3, 4}}},
      {"bihd,bjhd->bhij", {{2, 9, 3, 16}, {2, 11, 3, 16}}},
      {"bhij,bjhd->bihd", {{2, 3, 9, 11}, {2, 11, 3, 16}}},
      {"...ij,...jk->...ik", {{2, 1, 3, 4}, {5, 4, 2}}},
      {"...a,...a", {{2, 3, 4}, {3, 4}}},
      {"ijk,jl,k->li", {{3, 4, 5}, {4, 6}, {5}}},
      {"ij,ij,ij->ij", {{3, 4}, {3, 4}, {1, 4}}},
      {"abcdefgh->hgfedcba", {{1, 2, 1, 3, 2, 1, 2, 2}}},
      {"abcde,fghij->", {{2, 1, 2, 1, 2}, {1, 2, 1, 2, 1}}},
      {"ij,jk->ik", {{3, 0}, {0, 2}}},
      {"a...b,...c->c...a", {{2, 3, 1, 4}, {2, 5}}},
      {"...,...", {{2, 1}, {3}}},
      {"Ab,bC", {{3, 4}, {4, 2}}, DType::i64},
      {"bij,bjk->bik", {{2, 3, 4}, {2, 4, 5}}, DType::f16},
      {"ij->", {{3, 4}}, DType::bf16},
  };
  std::vector<Case> cases;
  for (const Row& row : rows) {
    Case c{"Einsum", {{"equation", std::string(row.equation)}}};
    for (const Shape& shape : row.shapes) c.operands.push_back(data(TensorType{row.dtype, shape}));
    cases.push_back(c);
  }
  return cases;
}

inline constexpr OpDef kEinsum[] = {
    {.name = "Einsum",
     .infer = einsum_type,
     .needed = whole_inputs,
     .reference = einsum,
     .tolerance = einsum_tolerance,
     .cases = einsum_cases,
     .expand = expand_einsum},
};

}  // namespace coverslip::inline v0::ops
