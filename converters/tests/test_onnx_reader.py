"""ONNX models become graphs that answer alike, or are refused with everything that stands in the way."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from networks import in_double
from onnx import TensorProto, helper
from onnx_models import FLOAT, Model, same_answers, weights

from coverslip import Errc, Error, convert, operators, reader
from coverslip.onnx import reader as onnx_reader


@pytest.mark.parametrize("opset", [13, 17, 18])
def test_operators_that_others_have_are_written_in_ours(opset: int) -> None:
    model = Model(2, 3, 8, 8, opset=opset)
    model.add("Conv", model.constant(weights(4, 3, 3, 3)))
    if opset >= 14:
        model.add("HardSwish")
    model.add("Sub", model.constant(0.5))
    model.add("Div", model.constant(2.0))
    model.add("Dropout")
    if opset >= 18:
        model.add("ReduceMean", model.constant([2, 3]), keepdims=0)
    else:
        model.add("ReduceMean", axes=[2, 3], keepdims=0)
    model.add("Unsqueeze", model.constant([2, 3]))
    model.add("Squeeze", model.constant([3]))
    made = same_answers(model.done(rank=3), 2, 3, 8, 8)
    swish = ["HardSwish"] if "HardSwish" in operators.known() else ["HardSigmoid", "Mul"]
    expected = [*swish, "Add", "Mul", "GlobalAveragePool", "Flatten", "Unsqueeze", "Squeeze"]
    assert made == ["Conv", *expected[0 if opset >= 14 else len(swish) :]]


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("op", ["Conv", "MaxPool", "AveragePool"])
def test_automatic_padding_becomes_numbers(op: str, mode: str) -> None:
    model = Model(1, 3, 10, 7)
    more = [model.constant(weights(2, 3, 4, 3))] if op == "Conv" else []
    model.add(op, *more, kernel_shape=[4, 3], strides=[3, 2], auto_pad=mode)
    assert same_answers(model.done(), 1, 3, 10, 7) == [op]


def test_a_wanted_output_shape_becomes_padding() -> None:
    model = Model(1, 3, 5, 5)
    model.add("ConvTranspose", model.constant(weights(3, 2, 3, 3)), strides=[2, 2], output_shape=[10, 9])
    assert same_answers(model.done(), 1, 3, 5, 5) == ["ConvTranspose"]


def test_padding_and_resizing_of_some_axes_become_those_of_all() -> None:
    model = Model(1, 3, 5, 5, opset=18)
    model.add("Pad", model.constant([1, 2]), "", model.constant([3]))
    model.add("Resize", "", model.constant([2.0, 2.0]), axes=[2, 3], mode="linear")
    assert same_answers(model.done(), 1, 3, 5, 5) == ["Pad", "Resize"]


@pytest.mark.parametrize("op", ["Pad", "Resize"])
@pytest.mark.parametrize(("numbers", "axes"), [([1, 1], [2, 3, 3]), ([2, 2, 2, 2], [2, 7]), ([2, 2, 2, 2], [2, -2])])
def test_numbers_for_axes_that_are_not_there_are_refused(op: str, numbers: list[int], axes: list[int]) -> None:
    model = Model(1, 3, 5, 5, opset=18)
    if op == "Pad":
        model.add("Pad", model.constant(numbers), "", model.constant(axes))
    else:
        model.add("Resize", "", "", model.constant(numbers[: len(numbers) // 2]), axes=axes)
    with pytest.raises(Error) as caught:
        onnx_reader.from_model(model.done())
    assert caught.value.code in (Errc.BadShape, Errc.BadModel)


def test_a_mean_over_an_axis_that_is_not_there_is_refused() -> None:
    model = Model(1, 3, 5, 5, opset=18)
    model.add("ReduceMean", model.constant([2, 7]))
    with pytest.raises(Error):
        onnx_reader.from_model(model.done())


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("names", [["part", "", ""], ["", "part", ""], ["", "", "part"]])
def test_parts_of_a_split_that_nothing_reads_count(names: list[str], opset: int) -> None:
    sizes = [3, 3, 3] if opset == 13 else [3, 3, 1]  # equal parts, or the last one what is left
    model = Model(2, sum(sizes), opset=opset)
    split = helper.make_node("Split", ["x"], names, axis=1, **({} if opset == 13 else {"num_outputs": 3}))
    model.nodes += [split, helper.make_node("Neg", ["part"], ["y"])]
    model.last = "y"
    proto = model.done(rank=2)
    x = weights(2, sum(sizes))
    answer = in_double(onnx_reader.from_model(proto), {"x": x})[0]
    assert np.array_equal(-answer, np.split(x, np.cumsum(sizes)[:-1], axis=1)[names.index("part")])
    assert all(proto.graph.node[0].output), "ONNX Runtime, which is asked for the source's answers, wants names"


def test_a_list_without_elements_stays_one() -> None:
    model = Model()
    model.add("Neg")
    model.nodes.append(helper.make_node("Transpose", [model.last], ["y"]))
    model.nodes[-1].attribute.append(helper.make_attribute("perm", [], attr_type=onnx.AttributeProto.INTS))
    model.last = "y"
    assert "Neg" in same_answers(model.done(rank=0))


def test_old_opsets_are_raised() -> None:
    model = Model(1, 3, 5, 5, opset=9)
    model.add("Upsample", model.constant([1.0, 1.0, 2.0, 2.0]), mode="nearest")
    model.add("Clip", min=0.0, max=0.5)
    assert same_answers(model.done(), 1, 3, 5, 5) == ["Resize", "Clip"]


def test_shapes_computed_in_the_network_fold_once_the_input_is_fixed() -> None:
    model = Model("N", 3, 4, 4)
    shape = model.add("Shape", x="x")
    batch = model.add("Gather", model.constant(0), x=shape)
    batch = model.add("Unsqueeze", model.constant([0]), x=batch)
    wanted = model.add("Concat", model.constant([-1]), x=batch, axis=0)
    model.add("Reshape", wanted, x="x")
    assert same_answers(model.done(rank=2), 2, 3, 4, 4, wanted={"": (2, 3, 4, 4)}) == ["Reshape"]


def test_every_node_that_cannot_be_converted_is_listed_at_once() -> None:
    model = Model(1, 3, 8, 8)
    model.add("Det")
    model.add("Cast", x="x", to=TensorProto.UINT16)
    model.add("Cast", x="x", to=TensorProto.DOUBLE)
    model.add("Exp")
    model.add("Cast", to=FLOAT)
    model.add("Mystery", domain="custom")
    with pytest.raises(Error) as caught:
        onnx_reader.from_model(model.done())
    assert caught.value.code is Errc.Unsupported
    for part in ("custom.Mystery 'Mystery_5': the engine has no such operator", "Exp 'Exp_3': computes in float64"):
        assert part in str(caught.value)


def test_shapes_computed_in_the_network_stay_computed_where_they_are_free() -> None:
    model = Model("N", 3, "H", "W")
    shape = model.add("Shape", x="x")
    height = model.add("Gather", model.constant([2]), x=shape)
    wanted = model.add("Concat", model.constant([-1]), x=height, axis=0)
    model.add("Reshape", wanted, x="x")
    assert same_answers(model.done(rank=2), 2, 3, 4, 5)[-1] == "Reshape"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"": (1, 4, 8, 8)}, Errc.BadShape),
        ({"": (1, 3, 8)}, Errc.BadShape),
        ({"y": (1, 3, 8, 8)}, Errc.BadInput),
    ],
)
def test_shapes_that_do_not_fit_are_refused(wanted: dict[str, tuple[int, ...]], code: Errc) -> None:
    model = Model("N", 3, "H", "W")
    model.add("Relu")
    with pytest.raises(Error) as caught:
        onnx_reader.from_model(model.done(), wanted)
    assert caught.value.code is code


def test_free_dimensions_stay_free_where_nothing_is_said() -> None:
    model = Model("N", 3, 8, 8)
    model.add("Relu")
    graph = onnx_reader.from_model(model.done())
    assert graph.inputs[0].shape == graph.outputs[0].shape == (-1, 3, 8, 8)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolutions_and_pools_have_one_two_or_three_axes(axes: int) -> None:
    model = Model(1, 2, *[5] * axes)
    model.add("Conv", model.constant(weights(4, 2, *[3] * axes)), pads=[1] * (2 * axes))
    model.add("MaxPool", kernel_shape=[2] * axes)
    assert same_answers(model.done(rank=2 + axes), 1, 2, *[5] * axes) == ["Conv", "MaxPool"]


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.BFLOAT16])
def test_networks_in_half_precision_are_read_as_they_are(kind: int) -> None:
    model = Model(1, 3)
    model.inputs[0].type.tensor_type.elem_type = kind
    model.add("Relu")
    proto = model.done(rank=2)
    proto.graph.output[0].type.tensor_type.elem_type = kind
    graph = onnx_reader.from_model(proto)
    assert [graph.inputs[0].dtype, graph.outputs[0].dtype] == [{10: "f16", 16: "bf16"}[kind]] * 2


@pytest.mark.parametrize("damage", [b"", b"not a model", b"\x08\x01"])
def test_files_that_are_no_models_are_refused(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(damage)
    with pytest.raises(Error) as caught:
        onnx_reader.read(path)
    assert caught.value.code is Errc.BadModel


def external(tmp_path: Path, location: str, offset: int = 0, length: int | None = None) -> Path:
    """A model whose weights lie in another file."""
    folder = tmp_path / "model"
    folder.mkdir(exist_ok=True)
    model = Model(1, 3, 4, 4)
    model.add("Conv", model.constant(weights(2, 3, 1, 1)))
    proto = model.done()
    tensor = proto.graph.initializer[0]
    data = tensor.raw_data
    (tmp_path / "outside.bin").write_bytes(data)
    (folder / "weights.bin").write_bytes(data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": location, "offset": str(offset), "length": str(len(data) if length is None else length)}
    for key, value in entries.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_weights_beside_the_model_are_read(tmp_path: Path) -> None:
    graph, _ = onnx_reader.read(external(tmp_path, "weights.bin"))
    assert [array.size for array in graph.constants.values()] == [6]


def test_the_hash_of_the_source_is_that_of_the_weights_beside_it_too(tmp_path: Path) -> None:
    path = external(tmp_path, "weights.bin")
    convert(path, tmp_path / "m.slip", verify=False)
    whole = path.read_bytes() + (path.parent / "weights.bin").read_bytes()
    assert reader.read(tmp_path / "m.slip").meta["source_hash"] == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("location", ["../outside.bin", "/etc/passwd", "", "a/../../outside.bin", "..\\outside.bin"])
def test_weights_outside_of_the_models_folder_are_refused(tmp_path: Path, location: str) -> None:
    with pytest.raises(Error, match="own folder"):
        onnx_reader.read(external(tmp_path, location))


@pytest.mark.parametrize("kind", ["symbolic", "hard", "folder", "fifo"])
def test_links_and_what_is_no_plain_file_are_refused(tmp_path: Path, kind: str) -> None:
    location = "inner/weights.bin" if kind == "folder" else "link.bin"
    path = external(tmp_path, location)
    if kind == "symbolic":
        (path.parent / "link.bin").symlink_to(tmp_path / "outside.bin")
    elif kind == "hard":
        os.link(tmp_path / "outside.bin", path.parent / "link.bin")
    elif kind == "fifo":
        os.mkfifo(path.parent / "link.bin")
    else:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "weights.bin").write_bytes(b"0" * 24)
        (path.parent / "inner").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Error) as caught:
        onnx_reader.read(path)
    assert caught.value.code in (Errc.BadModel, Errc.Io)


@pytest.mark.parametrize(("offset", "length"), [(8, 24), (1 << 40, 4), (0, 1 << 40)])
def test_weights_that_the_file_does_not_hold_are_refused(tmp_path: Path, offset: int, length: int) -> None:
    with pytest.raises(Error, match="bytes"):
        onnx_reader.read(external(tmp_path, "weights.bin", offset, length))
