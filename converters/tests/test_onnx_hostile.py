"""ONNX files that are made to do harm are refused by name; nothing outside of their folder is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import FLOAT, Model

from coverslip import Errc, Error, convert
from coverslip.onnx import reader as onnx_reader


def value(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, FLOAT, shape)


def refused(model: onnx.ModelProto, tmp_path: Path) -> Error:
    """How a whole conversion refuses it."""
    path = tmp_path / "model" / "m.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(Error) as caught:
        convert(path, tmp_path / "m.slip")
    assert caught.value.where and not (tmp_path / "m.slip").exists()
    return caught.value


def outside(tmp_path: Path) -> TensorProto:
    """A tensor whose numbers lie in a file beside the model's folder."""
    (tmp_path / "secret.bin").write_bytes(np.ones(4, np.float32).tobytes())
    tensor = TensorProto(name="secret", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, text in (("location", str(tmp_path / "secret.bin")), ("length", "16")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, text
    return tensor


def secretive(tmp_path: Path, place: str) -> onnx.ModelProto:
    """A model that reads such a tensor in some place of the file."""
    tensor = outside(tmp_path)
    constant = helper.make_node("Constant", [], ["k"], value=tensor)
    add = helper.make_node("Add", ["x", "k"], ["y"])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    nodes, functions, more = [constant, add], [], []
    if place == "initializer":
        tensor.name = "k"
        nodes, more = [add], [tensor]
    elif place == "function":
        functions = [helper.make_function("own", "F", ["x"], ["y"], [constant, add], opsets[:1])]
        nodes = [helper.make_node("F", ["x"], ["y"], domain="own")]
    elif place == "branch":
        branch = helper.make_graph([constant, add], "branch", [], [value("y", 4)])
        flag = helper.make_node("Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.BOOL, [], [True]))
        nodes = [flag, helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)]
    elif place == "sparse":
        indices = helper.make_tensor("i", TensorProto.INT64, [4], [0, 1, 2, 3])
        sparse = helper.make_sparse_tensor(tensor, indices, [4])
        nodes = [helper.make_node("Constant", [], ["k"], sparse_value=sparse), add]
    graph = helper.make_graph(nodes, "g", [value("x", 4)], [value("y", 4)], more)
    return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9)


@pytest.mark.parametrize("place", ["constant", "initializer", "function", "branch", "sparse"])
def test_numbers_outside_of_the_folder_are_not_read_wherever_the_file_asks_for_them(tmp_path: Path, place: str) -> None:
    found = refused(secretive(tmp_path, place), tmp_path)
    assert found.code is Errc.BadModel and "own folder" in found.message


def test_a_circle_of_nodes_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    graph = helper.make_graph(nodes, "g", [value("x", 4)], [value("b", 4)])
    found = refused(helper.make_model(graph, ir_version=9), tmp_path)
    assert found.code is Errc.BadModel


@pytest.mark.parametrize("names", [["F"], ["F", "G"]])
def test_functions_that_call_each_other_without_end_are_refused(tmp_path: Path, names: list[str]) -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions = []
    for name, called in zip(names, names[1:] + names[:1], strict=True):
        node = helper.make_node(called, ["x"], ["y"], domain="own")
        functions.append(helper.make_function("own", name, ["x"], ["y"], [node], opsets))
    graph = helper.make_graph(
        [helper.make_node("F", ["x"], ["y"], domain="own")], "g", [value("x", 4)], [value("y", 4)]
    )
    model = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9)
    assert refused(model, tmp_path).code in (Errc.BadModel, Errc.Unsupported)


def test_functions_that_double_without_end_are_refused(tmp_path: Path) -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions = [helper.make_function("own", "F0", ["x"], ["y"], [helper.make_node("Relu", ["x"], ["y"])], opsets)]
    for i in range(1, 40):
        nodes = [helper.make_node(f"F{i - 1}", [a], [b], domain="own") for a, b in (("x", "h"), ("h", "y"))]
        functions.append(helper.make_function("own", f"F{i}", ["x"], ["y"], nodes, opsets))
    call = helper.make_node("F39", ["x"], ["y"], domain="own")
    graph = helper.make_graph([call], "g", [value("x", 4)], [value("y", 4)])
    model = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9)
    assert refused(model, tmp_path).code is Errc.OverBudget


BIG = 1 << 33


@pytest.mark.parametrize("op", ["ConstantOfShape", "Expand", "Tile", "Range", "Pad", "Resize", "OneHot", "EyeLike"])
def test_results_that_no_computer_holds_are_refused(tmp_path: Path, op: str) -> None:
    model = Model(1, 3)
    if op == "ConstantOfShape":
        model.add(op, x=model.constant([BIG]))
    elif op in ("Expand", "Tile"):
        model.add(op, model.constant([BIG]), x=model.constant([1.0]))
    elif op == "Range":
        model.add(op, model.constant(BIG), model.constant(1), x=model.constant(0))
    elif op == "Pad":
        model.add(op, model.constant([0, BIG]), x=model.constant([1.0]))
    elif op == "Resize":
        model.add(op, "", "", model.constant([1, 1, 1, BIG]), x=model.constant([[[[1.0]]]]))
    elif op == "OneHot":
        model.add(op, model.constant(BIG), model.constant([0.0, 1.0]), x=model.constant([0]))
    else:
        model.add(op, x=model.add("ConstantOfShape", x=model.constant([1 << 17, 1 << 16])))
    if op == "Range":
        model.add("Cast", to=FLOAT)
    model.add("ReduceSum", keepdims=0)
    model.add("Add", "x")
    assert refused(model.done(rank=2), tmp_path).code is Errc.OverBudget


@pytest.mark.parametrize("what", ["input", "weights"])
def test_inputs_and_weights_that_no_computer_holds_are_refused(tmp_path: Path, what: str) -> None:
    model = Model(1, BIG if what == "input" else 3)
    model.add("Relu")
    proto = model.done(rank=2)
    if what == "weights":
        proto.graph.initializer.append(TensorProto(name="w", data_type=FLOAT, dims=[BIG]))
        proto.graph.node[0].op_type = "Add"
        proto.graph.node[0].input.append("w")
    assert refused(proto, tmp_path).code in (Errc.OverBudget, Errc.BadModel)


def test_operators_of_unknown_domains_are_refused_by_name(tmp_path: Path) -> None:
    model = Model(1, 3)
    model.add("system", domain="custom")
    found = refused(model.done(rank=2), tmp_path)
    assert found.code is Errc.Unsupported and "custom.system" in found.message


def test_a_folder_and_nothing_at_all_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    for name in ("folder.onnx", "nothing.onnx"):
        with pytest.raises(Error) as caught:
            onnx_reader.read(tmp_path / name)
        assert caught.value.code is Errc.Io


def test_loops_in_loops_are_not_written_out_without_end(tmp_path: Path) -> None:
    flag = TensorProto.BOOL
    body, ends = [helper.make_node("Relu", ["a0"], ["b0"])], ("a0", "b0")
    for depth in range(3):
        a, b = ends
        inputs = [helper.make_tensor_value_info(f"i{depth}", TensorProto.INT64, [])]
        inputs += [helper.make_tensor_value_info(f"c{depth}", flag, []), value(a, 4)]
        same = helper.make_node("Identity", [f"c{depth}"], [f"d{depth}"])
        outputs = [helper.make_tensor_value_info(f"d{depth}", flag, []), value(b, 4)]
        inner = helper.make_graph([same, *body], f"body{depth}", inputs, outputs)
        ends = (f"a{depth + 1}", f"b{depth + 1}")
        body = [helper.make_node("Loop", ["turns", "", ends[0]], [ends[1]], body=inner)]
    turns = helper.make_tensor("turns", TensorProto.INT64, [], [256])
    graph = helper.make_graph(body, "g", [value(ends[0], 4)], [value(ends[1], 4)], [turns])
    found = refused(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path)
    assert found.code is Errc.OverBudget and "Loop" in found.where
