// ReverseSequence: of each sequence of a batch, the first so many elements backwards.
#pragma once
#include "coverslip/ops/shapes/indices.hpp"

namespace coverslip::inline v0::ops {

struct SequenceAxes {
  std::size_t batch = 1, time = 0;
};

inline SequenceAxes sequence_axes(const Node& node) {
  const Dim batch = node.attr<Dim>("batch_axis", 1), time = node.attr<Dim>("time_axis", 0);
  if (!(batch == 0 && time == 1) && !(batch == 1 && time == 0))
    throw Error(Errc::BadModel, node.label(), "batch_axis is ", batch, ", time_axis is ", time, "; 0 and 1 wanted");
  return {static_cast<std::size_t>(batch), static_cast<std::size_t>(time)};
}

inline Types reverse_sequence_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  const auto [batch, time] = sequence_axes(node);
  if (in[0].shape.rank() < 2 || in[1] != TensorType{DType::i64, {in[0].shape[batch]}})
    throw Error(Errc::BadShape, node.label(), "input is ", in[0].shape, ", sequence_lens are ", to_string(in[1]),
                "; two axes or more, and an i64 for each sequence wanted");
  if (constants[1] != nullptr)
    for (const Dim length : integers_of(constants[1]->view()))
      if (length < 0 || length > in[0].shape[time])
        throw Error(Errc::BadShape, node.label(), "a length is ", length, ", sequences have ", in[0].shape[time],
                    " elements");
  return {in[0]};
}

inline std::vector<Box> reverse_sequence_needed(const Node& node, const Types& in, const Box& output) {
  const auto [batch, time] = sequence_axes(node);
  Box x = output, lengths(in[1].shape);
  x[time] = {0, in[0].shape[time]};
  lengths[0] = output[batch];
  return {x, lengths};
}

// One from data that is no length means the nearest that is.
inline Dim sequence_length(const View& lengths, Dim sequence, Dim most) {
  return std::clamp<Dim>(*lengths.as<std::int64_t>({sequence}), 0, most);
}

inline void reverse_sequence(const Node& node, Inputs in, Outputs out) {
  const SequenceAxes axes = sequence_axes(node);
  for_each(out[0].held(), [&](const Index& at) {
    const Dim length = sequence_length(in[1], at[axes.batch], in[0].shape()[axes.time]);
    Index from = at;
    if (at[axes.time] < length) from[axes.time] = length - 1 - at[axes.time];
    std::memcpy(out[0].at(at), in[0].at(from), size_of(out[0].dtype()));
  });
}

inline void reverse_sequence_box(const SequenceAxes& axes, const View& x, const View& lengths, View& y,
                                 const Box& box) {
  if (box.shape().elements() == 0) return;
  Index backwards = x.strides();
  backwards[axes.time] = -backwards[axes.time];
  for (Dim sequence = box[axes.batch].begin; sequence < box[axes.batch].end; ++sequence) {
    const Dim length = sequence_length(lengths, sequence, x.shape()[axes.time]);
    Box part = box;
    part[axes.batch] = {sequence, sequence + 1};
    part[axes.time] = intersection({length, box[axes.time].end}, box[axes.time]);
    copy_box(x, y, part);
    part[axes.time] = intersection({box[axes.time].begin, length}, box[axes.time]);
    if (part[axes.time].extent() == 0) continue;
    Index from = part.origin();
    from[axes.time] = length - 1 - from[axes.time];
    move_elements(y.dtype(), x.at(from), backwards, y.at(part.origin()), y.strides(), part.shape());
  }
}

inline std::vector<Step> plan_reverse_sequence(const Node& node, const Types& in, Constants, const PlanContext&) {
  return in_each_layout(2, 1,
                        {.kernel = "reverse_sequence",
                         .cuts = any_axis(in[0].shape.rank()),
                         .nanoseconds = pass_nanoseconds(2 * in[0].bytes()),
                         .run = [axes = sequence_axes(node)](Inputs x, Outputs y, const Box& box, std::byte*) {
                           reverse_sequence_box(axes, x[0], x[1], y[0], box);
                         }});
}

inline std::vector<Case> reverse_sequence_cases() {
  const Attributes batch_first{{"batch_axis", Dim{0}}, {"time_axis", Dim{1}}};
  const auto list = [](std::initializer_list<std::int64_t> n) {
    return given(Tensor({static_cast<Dim>(n.size())}, n));
  };
  return {{"ReverseSequence", {}, {data({4, 4}), list({4, 3, 2, 1})}},
          {"ReverseSequence", batch_first, {data({3, 5, 2}), list({1, 5, 0})}},
          {"ReverseSequence", {}, {data(TensorType{DType::u8, {5, 3, 2, 2}}), data(TensorType{DType::i64, {3}})}},
          {"ReverseSequence", batch_first, {data(TensorType{DType::i64, {2, 19}}), list({18, 7})}},
          {"ReverseSequence", batch_first, {data(TensorType{DType::f16, {0, 3}}), list({})}},
          {"ReverseSequence", {}, {data({0, 2, 3}), list({0, 0})}},
          {"ReverseSequence", batch_first, {data({64, 100, 128}), data(TensorType{DType::i64, {64}})}, true}};
}

inline constexpr OpDef kReverseSequence[] = {
    {.name = "ReverseSequence",
     .infer = reverse_sequence_type,
     .needed = reverse_sequence_needed,
     .reference = reverse_sequence,
     .plan = plan_reverse_sequence,
     .tolerance = exact,
     .cases = reverse_sequence_cases,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
