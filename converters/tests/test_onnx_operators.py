"""What becomes of operators, functions, loops and types that the engine does not have as ONNX writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from networks import Array, in_double, ops
from onnx import TensorProto, helper, numpy_helper
from onnx_models import FLOAT, Model, same_answers, weights

from coverslip import Errc, Error, onnx_double, operators, passes
from coverslip.onnx import einsum, opsets
from coverslip.onnx import reader as onnx_reader

INT = TensorProto.INT64
BOOL = TensorProto.BOOL


def refused(model: onnx.ModelProto) -> str:
    with pytest.raises(Error) as caught:
        onnx_reader.from_model(model)
    assert caught.value.code is Errc.Unsupported
    return str(caught.value)


def value(name: str, kind: int = FLOAT, shape: list[int] | None = None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name: str, array: Any) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(array)))


def loop(model: Model, turns: str, *nodes: onnx.NodeProto, condition: str = "", own: str = "") -> None:
    """A Loop over `s`, which begins as x; its body's nodes make `next` and a scan output `row`."""
    i, go, s, still, after, row = (own + name for name in ("i", "go", "s", "still", "next", "row"))
    keep = helper.make_node("Identity", [go], [still])
    made = [value(still, BOOL), value(after), value(row)]
    body = helper.make_graph([keep, *nodes], "body", [value(i, INT, []), value(go, BOOL, []), value(s)], made)
    model.nodes.append(
        helper.make_node("Loop", [turns, condition, "x"], [f"{own}end", f"{own}rows"], name=f"{own}loop", body=body)
    )


def test_a_loop_that_turns_a_known_number_of_times_is_unrolled() -> None:
    model = Model(2, 3)
    half = model.constant(np.float32(0.5))
    nodes = helper.make_node("Mul", ["s", half], ["next"]), helper.make_node("Sigmoid", ["next"], ["row"])
    loop(model, model.constant(np.array(3)), *nodes)
    model.last = "rows"
    made = same_answers(model.done(rank=3), 2, 3)
    assert sorted(made) == ["Concat", *["Mul"] * 3, *["Sigmoid"] * 3, *["Unsqueeze"] * 3]


def test_a_loop_reads_its_turn_and_loops_stand_in_loops() -> None:
    model = Model(2, 3)
    inner = Model()
    add, relu = (
        helper.make_node("Add", ["my s", "turn"], ["my next"]),
        helper.make_node("Relu", ["my next"], ["my row"]),
    )
    loop(inner, "twice", add, relu, own="my ")
    inner.nodes[0].input[2] = "s"
    nodes = [
        constant("twice", np.array(2)),
        helper.make_node("Cast", ["i"], ["turn"], to=FLOAT),
        *inner.nodes,
        helper.make_node("Identity", ["my end"], ["next"]),
        helper.make_node("Identity", ["my rows"], ["row"]),
    ]
    loop(model, model.constant(np.array(3)), *nodes, condition=model.constant(np.array(True)))
    model.last = "rows"
    made = same_answers(model.done(rank=4), 2, 3)
    assert "Loop" not in made and made.count("Relu") == 6


def test_a_loop_whose_turns_depend_on_the_input_is_refused_by_name() -> None:
    model = Model(2, 3)
    turns = model.add("Cast", x=model.add("Slice", *map(model.constant, ([0], [1], [0]))), to=INT)
    loop(model, turns, helper.make_node("Relu", ["s"], ["next"]), helper.make_node("Relu", ["s"], ["row"]))
    model.last = "rows"
    assert "Loop 'loop': how often it turns depends on the input" in refused(model.done(rank=3))


def test_a_loop_that_may_end_early_is_refused_by_name() -> None:
    model = Model(2, 3)
    nodes = [helper.make_node("Relu", ["s"], ["next"]), helper.make_node("Relu", ["s"], ["row"])]
    loop(model, model.constant(np.array(3)), *nodes)
    body = model.nodes[0].attribute[0].g
    body.node[0].CopyFrom(helper.make_node("Cast", ["s"], ["still"], to=BOOL))
    model.last = "rows"
    assert "Loop 'loop'" in refused(model.done(rank=3))


@pytest.mark.parametrize("taken", [True, False])
def test_a_branch_that_is_known_is_taken(taken: bool) -> None:
    model = Model(2, 3)
    branches = [
        helper.make_graph([helper.make_node(op, ["x"], ["made"])], op, [], [value("made")])
        for op in ("Relu", "Sigmoid")
    ]
    condition = model.constant(np.array(taken))
    model.nodes.append(helper.make_node("If", [condition], ["y"], then_branch=branches[0], else_branch=branches[1]))
    model.last = "y"
    assert same_answers(model.done(rank=2), 2, 3) == ["Relu" if taken else "Sigmoid"]


def test_a_branch_that_depends_on_a_known_shape_is_taken() -> None:
    model = Model(2, 3)
    parts = [helper.make_node(op, ["x"], ["made"]) for op in ("Relu", "Sigmoid")]
    branches = [helper.make_graph([part], "branch", [], [value("made")]) for part in parts]
    six = model.add("Equal", model.constant(np.array(6)), x=model.add("Size"))
    model.nodes.append(helper.make_node("If", [six], ["y"], then_branch=branches[0], else_branch=branches[1]))
    model.last = "y"
    assert same_answers(model.done(rank=2), 2, 3) == ["Relu"]


def test_a_branch_that_depends_on_the_input_is_refused_by_name() -> None:
    model = Model(1)
    condition = model.add("Cast", to=BOOL)
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["made"])], "inner", [], [value("made")])
    other = helper.make_graph([helper.make_node("Sigmoid", ["x"], ["made"])], "inner", [], [value("made")])
    model.nodes.append(helper.make_node("If", [condition], ["y"], name="if", then_branch=inner, else_branch=other))
    model.last = "y"
    assert "If 'if': which branch is taken depends on the input" in refused(model.done(rank=1))


def test_functions_of_a_model_are_written_out() -> None:
    model = Model(2, 3)
    model.add("Twice", domain="custom")
    proto = model.done(rank=2)
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    twice = helper.make_function("custom", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    proto.functions.append(twice)
    assert same_answers(proto, 2, 3) == ["Add"]


def test_operators_that_onnx_defines_by_others_are_written_out_only_where_the_engine_lacks_them() -> None:
    model = Model(2, 3, opset=20)
    model.add("Gelu")
    model.add("ThresholdedRelu")
    kept = opsets.prepared(model.done(rank=2), frozenset(["Gelu", "ThresholdedRelu"]))
    assert [node.op_type for node in kept.graph.node] == ["Gelu", "ThresholdedRelu"]
    written = {node.op_type for node in opsets.prepared(model.done(rank=2), frozenset(["Relu"])).graph.node}
    assert written.isdisjoint({"Gelu", "ThresholdedRelu"}) and "Erf" in written and "Where" in written


def test_opsets_that_nobody_knows_yet_are_refused_with_the_newest() -> None:
    model = Model(2, 3)
    model.add("Relu")
    model.opset = opsets.NEWEST + 1
    proto = model.done(rank=2)
    with pytest.raises(Error, match="newest"):
        opsets.prepared(proto, operators.known())


@pytest.mark.parametrize("opset", range(7, opsets.NEWEST + 1))
def test_models_of_every_opset_are_read(opset: int) -> None:
    model = Model(1, 3, 6, 6, opset=opset)
    model.add("Conv", model.constant(weights(4, 3, 3, 3)))
    model.add("BatchNormalization", *(model.constant(np.abs(weights(4)) + 1) for _ in range(4)))
    model.add("LeakyRelu", alpha=0.25)
    model.add("MaxPool", kernel_shape=[2, 2])
    model.add("Flatten")
    model.add("Softmax", axis=1)
    graph = onnx_reader.from_model(model.done(rank=2))
    x: Array = np.ones((1, 3, 6, 6), np.float32)
    assert ops(graph) == ["Conv", "BatchNormalization", "LeakyRelu", "MaxPool", "Flatten", "Softmax"]
    assert abs(in_double(graph, {"x": x})[0].sum() - 1) < 1e-12


def test_dropout_that_trains_is_refused_and_its_mask_is_true_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "known", lambda: frozenset(["Identity", "Shape", "ConstantOfShape", "Where"]))
    model = Model(2, 3)
    model.add("Dropout", model.constant(np.float32(0.5)), outputs=2)
    zero = model.constant(np.float32(0))
    model.add("Where", "x", zero, x="Dropout_0.1")
    made = same_answers(model.done(rank=2), 2, 3)
    assert made[-2:] == ["ConstantOfShape", "Where"]
    model = Model(2, 3)
    model.add("Dropout", model.constant(np.float32(0.5)), model.constant(np.array(True)))
    assert "Dropout 'Dropout_0': drops numbers at random" in refused(model.done(rank=2))


def test_dropout_of_nothing_keeps_everything_even_when_it_trains() -> None:
    model = Model(2, 3)
    model.add("Dropout", model.constant(np.float32(0)), model.constant(np.array(True)))
    model.add("Relu")
    assert ops(onnx_reader.from_model(model.done(rank=2)))[-1] == "Relu"


def test_whether_dropout_trains_may_be_left_to_the_input() -> None:
    model = Model(2, 3)
    model.inputs.append(value("trains", BOOL, []))
    model.add("Dropout", model.constant(np.float32(0.5)), "trains")
    assert ops(onnx_reader.from_model(model.done(rank=2))) == ["Dropout"]


def test_a_batch_norm_that_trains_norms_by_the_statistics_of_its_batch() -> None:
    model = Model(2, 3, 4, 5)
    given = [model.constant(array) for array in (weights(3), weights(3) + 1, weights(3) - 1, np.abs(weights(3)))]
    model.add("BatchNormalization", *given, outputs=3, training_mode=1, momentum=0.75, epsilon=0.01)
    proto = model.done()
    proto.graph.output.extend(value(f"{model.last}.{i}", shape=[3]) for i in (1, 2))
    x: Array = np.random.default_rng(5).standard_normal((2, 3, 4, 5)).astype(np.float32)
    wanted = list(onnx_double.run(proto, {"x": x}).values())
    found = in_double(onnx_reader.from_model(proto), {"x": x})
    assert len(found) == 3
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_batch_norm_of_an_old_opset_trains_if_it_has_more_outputs() -> None:
    model = Model(2, 3, 4, opset=9)
    given = [model.constant(array) for array in (weights(3), weights(3) + 1, weights(3) - 1, np.abs(weights(3)))]
    model.add("BatchNormalization", *given, outputs=5)
    proto = model.done(rank=3)
    proto.graph.output.extend(value(f"{model.last}.{i}", shape=[3]) for i in (3, 4))
    x: Array = np.random.default_rng(5).standard_normal((2, 3, 4)).astype(np.float32)
    y, mean, variance = in_double(onnx_reader.from_model(proto), {"x": x})
    np.testing.assert_allclose(mean, x.mean((0, 2)), rtol=1e-5)
    np.testing.assert_allclose(variance, x.var((0, 2)), rtol=1e-5)
    np.testing.assert_allclose(((y.mean((0, 2)) - weights(3) - 1) / weights(3)), 0, atol=1e-5)


@pytest.mark.parametrize(
    ("equation", "shapes", "plain"),
    [
        ("...,...", [(2, 3), (3,)], ("ab,b->ab", [[], []])),
        ("ij,ij->ij", [(2, 1), (1, 3)], ("i,j->ij", [[1], [0]])),
        ("...ij,...jk->...ik", [(4, 1, 2, 3), (5, 3, 6)], ("aij,bjk->abik", [[1], []])),
        ("...ij, jk", [(1, 2, 3), (1, 6)], ("aij,k->aik", [[], [0]])),
        ("ij,jk->ik", [(2, 1), (1, 3)], None),
        ("i...,i...->...", [(2, 1), (2, 1)], None),
    ],
)
def test_equations_are_written_without_broadcasting(
    equation: str, shapes: list[tuple[int, ...]], plain: tuple[str, list[list[int]]] | None
) -> None:
    made = einsum.without_broadcasting(equation, shapes)
    assert made == plain
    if plain is not None:
        arrays = [weights(*shape) for shape in shapes]
        squeezed = [np.squeeze(array, tuple(axes)) for array, axes in zip(arrays, plain[1], strict=True)]
        np.testing.assert_allclose(np.einsum(plain[0], *squeezed), _product(equation, *arrays), rtol=1e-6)


def _product(equation: str, *arrays: Array) -> Array:
    made: Array = np.einsum(equation, *arrays)
    return made


def test_an_einsum_that_broadcasts_is_read() -> None:
    model = Model(2, 1)
    model.add("Einsum", model.constant(weights(1, 3)), equation="ij,...j->i...j")
    graph = onnx_reader.from_model(model.done(rank=3))
    x: Array = np.ones((2, 1), np.float32)
    np.testing.assert_allclose(in_double(graph, {"x": x})[0][1, 0], weights(1, 3)[0])
    assert graph.outputs[0].shape == (2, 1, 3)


def test_constants_are_not_computed_where_onnxs_reference_is_wrong() -> None:
    model = Model(1, 5, 2, 2)
    fixed = model.add("LRN", x=model.constant(weights(1, 5, 2, 2)), size=3)
    model.add("Add", fixed, x="x")
    proto = model.done()
    assert same_answers(proto, 1, 5, 2, 2) == ["LRN", "Add"]
    graph = onnx_reader.from_model(proto)
    passes.run(graph)
    assert ops(graph) == ["Add"]
    x: Array = np.zeros((1, 5, 2, 2), np.float32)
    (expected,) = ort.InferenceSession(proto.SerializeToString()).run(None, {"x": x})
    np.testing.assert_allclose(in_double(graph, {"x": x})[0], expected, rtol=1e-5)


def test_axes_that_were_an_attribute_become_an_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "known", lambda: frozenset(["ReduceMax"]))
    model = Model(2, 3, 4)
    model.add("ReduceMax", axes=[1], keepdims=0)
    assert same_answers(model.done(rank=2), 2, 3, 4) == ["ReduceMax"]


def test_operators_that_their_opset_gave_up_are_refused() -> None:
    model = Model(2, 4, 5, opset=18)
    model.add("GroupNormalization", model.constant(weights(2)), model.constant(weights(2)), num_groups=2)
    assert "newer opset" in refused(model.done(rank=3))


def test_the_value_of_a_filled_tensor_becomes_an_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "known", lambda: frozenset(["Shape", "ConstantOfShape", "Add"]))
    model = Model("N", 3)
    shape = model.add("Shape")
    filled = model.add("ConstantOfShape", x=shape, value=numpy_helper.from_array(np.array([7], np.float32)))
    model.add("Add", filled, x="x")
    graph = onnx_reader.from_model(model.done(rank=2))
    node = next(node for node in graph.nodes if node.op == "ConstantOfShape")
    assert graph.constants[node.inputs[1]].tolist() == [7.0] and not node.attributes
    assert same_answers(model.done(rank=2), 2, 3) == ["Shape", "ConstantOfShape", "Add"]


def test_float64_that_is_only_stored_becomes_float32() -> None:
    model = Model(2, 3)
    double = model.add("Cast", to=TensorProto.DOUBLE)
    model.add("Cast", x=double, to=FLOAT)
    model.constants.append(numpy_helper.from_array(np.array([2.0]), "wide"))
    narrow = model.add("Cast", x="wide", to=FLOAT)
    model.add("Mul", narrow, x="Cast_1")
    assert same_answers(model.done(rank=2), 2, 3)[-1] == "Mul"


def test_a_logarithm_of_a_sum_that_is_written_out_in_float64_is_one_operator_again() -> None:
    model = Model(2, 3, 4)
    model.add("Mul", model.constant(np.float32(200)))  # whose exponential no float32 holds
    before = model.last
    model.add("Cast", to=TensorProto.DOUBLE)
    model.add("Exp")
    model.add("ReduceSum", model.constant([1]), keepdims=0)
    model.add("Log")
    model.add("CastLike", before)
    assert same_answers(model.done(rank=2), 2, 3, 4) == ["Mul", "ReduceLogSumExp"]


def test_arithmetic_in_float64_and_types_that_the_engine_lacks_are_refused_by_name() -> None:
    model = Model(2, 3)
    model.add("Cast", to=TensorProto.DOUBLE)
    model.add("Relu")
    model.add("Cast", to=FLOAT)
    assert "Relu 'Relu_1': computes in float64; cast its inputs to float32" in refused(model.done(rank=2))
    model = Model(2, 3)
    model.add("Cast", to=TensorProto.UINT16)
    model.add("Cast", to=FLOAT)
    assert "Cast 'Cast_0': makes uint16; possible are f32, f16" in refused(model.done(rank=2))


def test_sequences_are_refused_by_name() -> None:
    model = Model(2, 3)
    model.add("SequenceConstruct", "x")
    model.add("ConcatFromSequence", axis=0)
    text = refused(model.done(rank=2)) if "Concat" not in operators.known() else ""
    model = Model(2, "N")
    model.add("SplitToSequence", axis=1)
    model.add("SequenceLength")
    model.add("Cast", to=FLOAT)
    text += refused(model.done(rank=0))
    assert "SplitToSequence 'SplitToSequence_0': makes a sequence" in text


def test_what_is_behind_a_group_normalization_has_a_known_shape() -> None:
    model = Model("n", 6, 4, 4, opset=21)
    parameters = [model.constant(weights(6)) for _ in range(2)]
    normed = model.add("GroupNormalization", *parameters, num_groups=2)
    model.add("ReduceMean", model.constant(np.array([2, 3])), keepdims=0)
    made = model.done(rank=2)
    assert onnx_reader.from_model(made).values[normed].shape == (-1, 6, 4, 4)
    assert same_answers(made, 2, 6, 4, 4) == ["GroupNormalization", "GlobalAveragePool", "Flatten"]
