"""Blocks of every family of networks become the nodes that they should, and answer as in onnxruntime."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import blocks
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from blocks import Block
from networks import Array, in_double, ops

from coverslip import engine, passes, writer
from coverslip.ir import Graph
from coverslip.onnx import reader as onnx_reader

CLOSE = 1e-5
"""Relative L2: a few layers of float32 sums of fewer than 400 terms."""

BATCH, PICTURE, VOLUME = (0,), (0, 2, 3), (0, 2, 3, 4)


@dataclass(frozen=True)
class Family:
    """A block, its input, and the axes that may be free."""

    make: Callable[[Block], None]
    shape: tuple[int, ...]
    free: tuple[int, ...]


FAMILIES = {
    "resnet": Family(blocks.resnet, (1, 3, 32, 32), PICTURE),
    "densenet": Family(blocks.densenet, (1, 3, 16, 16), PICTURE),
    "mobilenet": Family(blocks.mobilenet, (1, 3, 16, 16), PICTURE),
    "efficientnet": Family(blocks.efficientnet, (1, 3, 16, 16), PICTURE),
    "convnext": Family(blocks.convnext, (1, 3, 32, 32), PICTURE),
    "vit": Family(blocks.vit, (1, 3, 32, 32), BATCH),
    "swin": Family(blocks.swin, (1, 3, 32, 32), BATCH),
    "swin v2": Family(blocks.swin_v2, (1, 3, 32, 32), BATCH),
    "poolformer": Family(blocks.poolformer, (1, 3, 32, 32), PICTURE),
    "mobilevit": Family(blocks.mobilevit, (1, 3, 32, 32), BATCH),
    "unet 3-d": Family(blocks.unet_3d, (1, 1, 8, 8, 8), VOLUME),
    "unetr": Family(blocks.unetr, (1, 1, 8, 8, 8), BATCH),
    "hovernet": Family(blocks.hovernet, (1, 3, 32, 32), PICTURE),
    "meshnet": Family(blocks.meshnet, (1, 1, 10, 10, 10), VOLUME),
    "deeplab": Family(blocks.deeplab, (1, 3, 32, 32), PICTURE),
    "shufflenet": Family(blocks.shufflenet, (1, 3, 16, 16), PICTURE),
    "squeezenet": Family(blocks.squeezenet, (1, 3, 17, 17), PICTURE),
    "inception": Family(blocks.inception, (1, 3, 35, 35), PICTURE),
}

BECOMES = {
    "resnet": "5 Conv, 1 Flatten, 1 Gemm, 1 GlobalAveragePool, 1 MaxPool",
    "densenet": "1 AveragePool, 3 BatchNormalization, 2 Concat, 6 Conv",
    "mobilenet": "6 Conv, 1 GlobalAveragePool, 1 Mul",
    "efficientnet": "5 Conv, 1 GlobalAveragePool, 1 Mul",
    "convnext": "1 Add, 2 Conv, 1 LayerNormalization, 2 MatMul, 2 Transpose",
    "vit": (
        "1 Add, 1 Attention, 1 Concat, 1 Conv, 1 Gather, 1 Gemm, 3 LayerNormalization, 4 MatMul, 1 Reshape, "
        "1 Split, 1 Transpose"
    ),
    "swin": (
        "1 Add, 1 Attention, 4 Concat, 1 Conv, 2 LayerNormalization, 4 MatMul, 4 Reshape, 8 Slice, 1 Split, 3 Transpose"
    ),
    "swin v2": (
        "2 Add, 1 Attention, 2 Clip, 1 Conv, 2 Div, 3 Gather, 2 LayerNormalization, 4 MatMul, 1 Mul, "
        "2 ReduceL2, 3 Reshape, 3 Transpose"
    ),
    "poolformer": "1 Add, 1 AveragePool, 3 Conv, 2 GroupNormalization, 1 Mul, 1 Sub",
    "mobilevit": "1 Attention, 1 Concat, 5 Conv, 2 LayerNormalization, 2 MatMul, 6 Reshape, 1 Split, 4 Transpose",
    "unet 3-d": "1 Concat, 5 Conv, 1 ConvTranspose, 3 InstanceNormalization, 3 PRelu",
    "unetr": (
        "1 Add, 1 Attention, 1 Conv, 1 ConvTranspose, 1 InstanceNormalization, 2 LayerNormalization, "
        "1 LeakyRelu, 2 MatMul, 2 Reshape, 1 Split, 2 Transpose"
    ),
    "hovernet": "1 Add, 1 BatchNormalization, 1 Concat, 6 Conv, 1 Resize, 3 Slice",
    "meshnet": "6 Conv",
    "deeplab": "1 Concat, 7 Conv, 1 GlobalAveragePool, 2 Resize",
    "shufflenet": "1 Concat, 5 Conv, 2 Reshape, 2 Slice, 1 Transpose",
    "squeezenet": "1 Concat, 5 Conv, 1 Flatten, 1 GlobalAveragePool, 1 MaxPool",
    "inception": "1 AveragePool, 1 Concat, 5 Conv, 1 MaxPool",
}


def exported(family: Family, free: bool, opset: int = 17) -> onnx.ModelProto:
    shape = [f"d{axis}" if free and axis in family.free else size for axis, size in enumerate(family.shape)]
    block = Block(*shape, opset=opset)
    family.make(block)
    return block.done()


def converted(model: onnx.ModelProto) -> Graph:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = onnx_reader.from_model(copy)
    passes.run(graph)
    return graph


def agree(model: onnx.ModelProto, graph: Graph, shape: tuple[int, ...], folder: Path) -> None:
    """By the engine where it is installed, else by the reference."""
    x: Array = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    expected = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    load = engine.loader()
    if load is None:
        found = in_double(graph, {"x": x})[0]
    else:
        writer.write(graph, folder / "block.slip")
        found = np.asarray(load(str(folder / "block.slip"))({"x": x}))
    assert found.shape == expected.shape
    assert np.linalg.norm(found - expected) <= CLOSE * np.linalg.norm(expected)


FREE_ARITHMETIC = ("vit", "swin", "deeplab", "shufflenet")
"""Of free sizes these leave more: of a batch, how often a token or a mask is repeated; sizes of a picture."""


def counted(graph: Graph) -> str:
    counts = Counter(ops(graph))
    return ", ".join(f"{counts[op]} {op}" for op in sorted(counts))


@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_block_becomes_the_nodes_that_it_should(name: str, opset: int, tmp_path: Path) -> None:
    family = FAMILIES[name]
    model = exported(family, free=False, opset=opset)
    graph = converted(model)
    assert counted(graph) == BECOMES[name]
    agree(model, graph, family.shape, tmp_path)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_block_of_free_sizes_runs_at_several(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    model = exported(family, free=True)
    graph = converted(model)
    assert counted(graph) == BECOMES[name] or name in FREE_ARITHMETIC
    change = (2, 0, -4, 8, 4)
    other = tuple(size + change[axis] * (axis in family.free) for axis, size in enumerate(family.shape))
    for shape in (family.shape, other):
        agree(model, graph, shape, tmp_path)
