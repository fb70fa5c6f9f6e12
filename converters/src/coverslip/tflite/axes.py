"""TensorFlow Lite's operators that move numbers or reduce axes, in the engine's operators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import Errc
from ..ir import FREE, Attribute
from .build import PLANAR_AXIS, Call

Build = Callable[[Call], None]


def _axis(call: Call, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise call.refuse(f"axis {axis} of {rank}", Errc.BadShape)
    return axis % rank


def concatenation(call: Call) -> None:
    """CONCATENATION."""
    count = len(call.operator.inputs)
    planar, stored = call.planar(*range(count)), call.moves_stored(*range(count))
    axis = _axis(call, int(call.option("Axis")), len(call.made.shape))
    names = [call.x(i, planar, stored) for i in range(count)]
    y = call.node("Concat", names, axis=PLANAR_AXIS[axis] if planar else axis)
    call.give(y if stored else call.activated(y), planar, stored)


def reshape(call: Call) -> None:
    """RESHAPE; by its input, its option or the shape that the file says."""
    if call.has(1) and call.tensor(1).data is not None:
        sizes = call.shape_input(call.integers(1))
    elif call.has(1):
        sizes = call.node("Cast", [call.x(1)], to=7)
    else:
        sizes = call.shape_input([-1 if dim == FREE else dim for dim in call.made.shape])
    _moved(call, "Reshape", [sizes], allowzero=1)


def _moved(call: Call, op: str, more: list[str], **attributes: Attribute) -> None:
    """An operator that only moves numbers, on the axes as the file has them."""
    stored = call.moves_stored(0)
    call.give(call.node(op, [call.x(stored=stored), *more], **attributes), stored=stored)


def squeeze(call: Call) -> None:
    """SQUEEZE of the axes named, or of all of length 1."""
    shape, dims = call.sizes(0), call.option("SqueezeDimsAsNumpy", 0)
    axes = [i for i, size in enumerate(shape) if size == 1] if isinstance(dims, int) else [int(dim) for dim in dims]
    _moved(call, "Squeeze", [call.shape_input(axes)])


def expand_dims(call: Call) -> None:
    """EXPAND_DIMS."""
    _moved(call, "Unsqueeze", [call.shape_input(call.integers(1))])


def transpose(call: Call) -> None:
    """TRANSPOSE."""
    _moved(call, "Transpose", [], perm=call.integers(1))


def tile(call: Call) -> None:
    """TILE."""
    _moved(call, "Tile", [call.shape_input(call.integers(1))])


def broadcast_to(call: Call) -> None:
    """BROADCAST_TO."""
    _moved(call, "Expand", [call.shape_input(call.integers(1))])


def gather(call: Call) -> None:
    """GATHER along one axis."""
    if int(call.option("BatchDims")):
        raise call.refuse("batch_dims")
    _moved(call, "Gather", [call.x(1)], axis=int(call.option("Axis")))


def gather_nd(call: Call) -> None:
    """GATHER_ND."""
    _moved(call, "GatherND", [call.node("Cast", [call.x(1)], to=7)])


def embedding_lookup(call: Call) -> None:
    """EMBEDDING_LOOKUP: rows of a table by their numbers."""
    call.give(call.node("Gather", [call.x(1), call.x(0)], axis=0))


def pack(call: Call) -> None:
    """PACK: a new axis, along which the inputs follow each other."""
    axis = call.shape_input([int(call.option("Axis"))])
    stored = call.moves_stored(*range(len(call.operator.inputs)))
    parts = [call.node("Unsqueeze", [call.x(i, stored=stored), axis]) for i in range(len(call.operator.inputs))]
    call.give(call.node("Concat", parts, axis=int(call.option("Axis"))), stored=stored)


def _split(call: Call, index: int, axis: int, sizes: list[int], squeezed: bool = False) -> None:
    tensors = [call.build.network.tensors[output] for output in call.operator.outputs]
    q = call.tensor(index).quantization
    stored = q is not None and all(q.same(tensor.quantization) for tensor in tensors)
    planar = call.planar(index) and not squeezed
    x, at = call.x(index, planar, stored), PLANAR_AXIS[axis] if planar else axis
    start = 0
    for output, size in enumerate(sizes):
        bounds = [call.shape_input([value]) for value in (start, start + size, at)]
        y, start = call.node("Slice", [x, *bounds]), start + size
        if squeezed:
            y = call.node("Squeeze", [y, call.shape_input([at])])
        call.give(y, planar, stored, output)


def unpack(call: Call) -> None:
    """UNPACK: one output for each index of an axis."""
    axis = _axis(call, int(call.option("Axis")), len(call.tensor(0).shape))
    _split(call, 0, axis, [1] * len(call.operator.outputs), squeezed=True)


def split(call: Call) -> None:
    """SPLIT into equal parts."""
    axis, count = _axis(call, call.integers(0)[0], len(call.tensor(1).shape)), len(call.operator.outputs)
    size = call.tensor(1).shape[axis]
    if size == FREE or size % count:
        raise call.refuse(f"{count} equal parts of {size}", Errc.BadShape)
    _split(call, 1, axis, [size // count] * count)


def split_v(call: Call) -> None:
    """SPLIT_V into parts of given sizes, one of which may be what is left."""
    axis, sizes = _axis(call, call.integers(2)[0], len(call.tensor(0).shape)), call.integers(1)
    if sizes.count(-1) > 1 or len(sizes) != len(call.operator.outputs):
        raise call.refuse(f"sizes {sizes} for {len(call.operator.outputs)} parts", Errc.BadShape)
    total = call.tensor(0).shape[axis]
    if -1 in sizes and total == FREE:
        raise call.refuse("the size of the last part depends on a free dimension")
    left = total - sum(size for size in sizes if size >= 0)
    _split(call, 0, axis, [left if size == -1 else size for size in sizes])


def slice_(call: Call) -> None:
    """SLICE by begin and size."""
    begin, size = call.integers(1), call.integers(2)
    ends = [np.iinfo(np.int64).max if s == -1 else b + s for b, s in zip(begin, size, strict=True)]
    _moved(call, "Slice", [call.shape_input(begin), call.shape_input(ends), call.shape_input([*range(len(begin))])])


def strided_slice(call: Call) -> None:
    """STRIDED_SLICE; bit i of a mask speaks of entry i of begin, end and strides."""
    begin, end, steps = (call.integers(i) for i in (1, 2, 3))
    masks = {key: int(call.option(f"{key}Mask")) for key in ("Begin", "End", "ShrinkAxis", "NewAxis", "Ellipsis")}
    told = {key: [bool(mask >> i & 1) for i in range(len(begin))] for key, mask in masks.items()}
    skipped = len(call.tensor(0).shape) - sum(
        not (new or dots) for new, dots in zip(told["NewAxis"], told["Ellipsis"], strict=True)
    )
    least, most = np.iinfo(np.int64).min + 1, np.iinfo(np.int64).max
    bounds: list[tuple[int, int, int, int]] = []
    gone: list[int] = []
    new: list[int] = []
    axis = 0
    for i, step in enumerate(steps):
        if told["Ellipsis"][i]:
            axis += skipped
            continue
        if told["NewAxis"][i]:
            new.append(axis - len(gone) + len(new))
            continue
        first, last = begin[i], end[i]
        if told["ShrinkAxis"][i]:
            last, step = first + 1 if first != -1 else most, 1
            gone.append(axis)
        else:
            first = (0 if step > 0 else most) if told["Begin"][i] else first
            last = (most if step > 0 else least) if told["End"][i] else last
        bounds.append((first, last, axis, step))
        axis += 1
    stored = call.moves_stored(0)
    y = call.x(stored=stored)
    if bounds:
        y = call.node("Slice", [y, *(call.shape_input(list(values)) for values in zip(*bounds, strict=True))])
    for op, axes in (("Squeeze", gone), ("Unsqueeze", new)):
        y = call.node(op, [y, call.shape_input(axes)]) if axes else y
    call.give(y, stored=stored)


def reverse(call: Call) -> None:
    """REVERSE_V2."""
    axes = call.integers(1)
    ends = [np.iinfo(np.int64).min + 1] * len(axes)
    bounds = [[-1] * len(axes), ends, axes, [-1] * len(axes)]
    _moved(call, "Slice", [call.shape_input(values) for values in bounds])


def cumsum(call: Call) -> None:
    """CUMSUM."""
    axis = call.constant("axis", call.integers(1)[0], np.int64)
    keys = {key.lower(): int(bool(call.option(key, False))) for key in ("Exclusive", "Reverse")}
    call.give(call.node("CumSum", [call.x(), axis], **keys))


def fill(call: Call) -> None:
    """FILL: one number for all of a shape."""
    stored = call.moves_stored(1)
    known = call.tensor(0).data is not None
    sizes = call.shape_input(call.integers(0)) if known else call.node("Cast", [call.x(0)], to=7)
    call.give(call.node("Expand", [call.x(1, stored=stored), sizes]), stored=stored)


def pad(call: Call) -> None:
    """PAD and PADV2."""
    pairs = call.array(1).reshape(-1, 2).astype(np.int64)
    planar, stored = call.planar(0), call.moves_stored(0) and not call.has(2)
    if planar:
        pairs = pairs[[0, 3, 1, 2]]
    inputs = [call.x(planar=planar, stored=stored), call.shape_input([*pairs[:, 0], *pairs[:, 1]])]
    if call.has(2):
        inputs.append(call.x(2))
    elif stored:
        q, dtype = call.made.quantization, call.made.dtype
        assert q is not None and dtype is not None
        inputs.append(call.constant("zero", q.zero_point[0], dtype.type))
    call.give(call.node("Pad", inputs), planar, stored)


def mirror_pad(call: Call) -> None:
    """MIRROR_PAD; mode SYMMETRIC by one is the edge again."""
    pairs = call.array(1).reshape(-1, 2).astype(np.int64)
    symmetric = int(call.option("Mode")) == 1
    if symmetric and pairs.max(initial=0) > 1:
        raise call.refuse("mode SYMMETRIC by more than one")
    planar, stored = call.planar(0), call.moves_stored(0)
    if planar:
        pairs = pairs[[0, 3, 1, 2]]
    inputs = [call.x(planar=planar, stored=stored), call.shape_input([*pairs[:, 0], *pairs[:, 1]])]
    call.give(call.node("Pad", inputs, mode="edge" if symmetric else "reflect"), planar, stored)


def reduction(op: str) -> Build:
    """MEAN, SUM and their like."""

    def build(call: Call) -> None:
        rank, keep = len(call.tensor(0).shape), bool(call.option("KeepDims", False))
        axes = sorted({_axis(call, axis, rank) for axis in call.integers(1)})
        left = [PLANAR_AXIS[axis] for axis in range(4) if axis not in axes]
        planar = call.planar(0) and (keep or left == sorted(left))
        x = call.x(planar=planar)
        if op == "ReduceMean" and planar and axes == [1, 2]:
            y = call.node("GlobalAveragePool", [x])
            y = y if keep else call.node("Reshape", [y, call.shape_input([0, -1])])
        else:
            at = call.shape_input([PLANAR_AXIS[axis] for axis in axes] if planar else axes)
            y = call.node(op, [x, at], keepdims=int(keep))
        call.give(y, planar and keep)

    return build


def arg(op: str) -> Build:
    """ARG_MAX and ARG_MIN."""

    def build(call: Call) -> None:
        y = call.node(op, [call.x()], axis=call.integers(1)[0], keepdims=0)
        call.give(call.node("Cast", [y], to=call.dtype()))

    return build


def shape(call: Call) -> None:
    """SHAPE; of known sizes a constant."""
    dims = call.tensor(0).shape
    if FREE not in dims:
        call.give(call.constant("shape", dims, np.int64 if call.dtype() == 7 else np.int32))
    else:
        call.give(call.node("Cast", [call.node("Shape", [call.x()])], to=call.dtype()))


def _resized(call: Call, height: int, width: int) -> str:
    """The sizes N,C,H,W, of which the file may leave the first free."""
    n, _, _, channels = call.tensor(0).shape
    if FREE not in (n, channels):
        return call.shape_input([n, channels, height, width])
    batch = call.node("Shape", [call.x(planar=True, stored=True)], end=2)
    return call.node("Concat", [batch, call.shape_input([height, width])], axis=0)


def resize(mode: str) -> Build:
    """RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR to a constant size."""

    def build(call: Call) -> None:
        corners, half = bool(call.option("AlignCorners", False)), bool(call.option("HalfPixelCenters", False))
        if corners and half:
            raise call.refuse("align_corners with half_pixel_centers")
        place = "align_corners" if corners else "half_pixel" if half else "asymmetric"
        attributes: dict[str, Attribute] = {"mode": mode, "coordinate_transformation_mode": place}
        if mode == "nearest":
            attributes["nearest_mode"] = "round_prefer_ceil" if corners or half else "floor"
        height, width = call.integers(1)
        more = ["", "", _resized(call, height, width)]
        if mode == "linear":
            y, stored = call.mean("Resize", more, **attributes)
        else:
            stored = call.moves_stored(0)
            y = call.node("Resize", [call.x(planar=True, stored=stored), *more], **attributes)
        call.give(y, planar=True, stored=stored)

    return build


def depth_to_space(call: Call) -> None:
    """DEPTH_TO_SPACE."""
    stored, size = call.moves_stored(0), int(call.option("BlockSize", 1))
    y = call.node("DepthToSpace", [call.x(planar=True, stored=stored)], blocksize=size, mode="DCR")
    call.give(y, planar=True, stored=stored)


def space_to_depth(call: Call) -> None:
    """SPACE_TO_DEPTH."""
    stored, size = call.moves_stored(0), int(call.option("BlockSize", 1))
    call.give(call.node("SpaceToDepth", [call.x(planar=True, stored=stored)], blocksize=size), True, stored)


def space_to_batch(call: Call) -> None:
    """SPACE_TO_BATCH_ND of pictures."""
    (_, h, w, c), (down, right) = _picture(call), call.integers(1)
    (top, bottom), (left, end) = call.array(2).reshape(2, 2).astype(int).tolist()
    x = call.node("Pad", [call.x(), call.shape_input([0, top, left, 0, 0, bottom, end, 0])])
    high, wide = (h + top + bottom) // down, (w + left + end) // right
    x = call.node("Reshape", [x, call.shape_input([-1, high, down, wide, right, c])])
    x = call.node("Transpose", [x], perm=[2, 4, 0, 1, 3, 5])
    call.give(call.node("Reshape", [x, call.shape_input([-1, high, wide, c])]))


def batch_to_space(call: Call) -> None:
    """BATCH_TO_SPACE_ND of pictures."""
    (_, h, w, c), (down, right) = _picture(call), call.integers(1)
    (top, bottom), (left, end) = call.array(2).reshape(2, 2).astype(int).tolist()
    x = call.node("Reshape", [call.x(), call.shape_input([down, right, -1, h, w, c])])
    x = call.node("Transpose", [x], perm=[2, 3, 0, 4, 1, 5])
    x = call.node("Reshape", [x, call.shape_input([-1, h * down, w * right, c])])
    bounds = [[top, left], [h * down - bottom, w * right - end], [1, 2]]
    call.give(call.node("Slice", [x, *(call.shape_input(values) for values in bounds)]))


def _picture(call: Call) -> tuple[int, int, int, int]:
    shape = call.tensor(0).shape
    if len(shape) != 4 or FREE in shape[1:]:
        raise call.refuse(f"input of shape {list(shape)}, expected N,H,W,C of known sizes")
    n, h, w, c = shape
    return n, h, w, c


def l2_normalization(call: Call) -> None:
    """L2_NORMALIZATION over the last axis; the length is at least 1e-6."""
    x = call.x()
    length = call.node("ReduceL2", [x, call.shape_input([-1])], keepdims=1)
    least = call.node("Max", [length, call.constant("least", 1e-6, np.float32)])
    call.give(call.activated(call.node("Div", [x, least])))
