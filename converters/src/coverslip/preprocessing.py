"""Reads how pixels become a network's input from options, and fits it to the input."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .draws import channel_axis
from .errors import Errc, Error
from .ir import FREE, Preprocess, Value

PRESETS: dict[str, dict[str, Any]] = {
    "imagenet": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "unit": {},  # RGB, 0 to 1
}

_KEYS = [field.name for field in dataclasses.fields(Preprocess)]
_WHERE = "--preprocess"


def parse(text: str) -> dict[str, Any]:
    """`KEY=VALUE,...`; numbers may be fractions, the channels of mean and std stand between colons; or a preset."""
    options: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            if key not in PRESETS:
                raise Error(Errc.BadInput, _WHERE, f"'{part}' is neither KEY=VALUE nor one of {', '.join(PRESETS)}")
            options |= PRESETS[key]
        elif key in ("mean", "std"):
            options[key] = [_number(item) for item in value.split(":")]
        elif key in ("width", "height"):
            options[key] = int(_number(value))
        else:
            options[key] = _number(value) if key == "scale" else value
    return options


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(text)
    except (ValueError, ZeroDivisionError) as error:
        raise Error(Errc.BadInput, _WHERE, f"'{text}' is not a number") from error


def fitted(options: Mapping[str, Any] | Preprocess, value: Value) -> Preprocess:
    """The preprocessing of an input: layout and size are the input's own where it has them."""
    given = dataclasses.asdict(options) if isinstance(options, Preprocess) else dict(options)
    unknown = [key for key in given if key not in _KEYS]
    if unknown:
        raise Error(Errc.BadInput, _WHERE, f"unknown key '{unknown[0]}'; there are {', '.join(_KEYS)}")
    axis = channel_axis(value)
    if axis is None:
        raise Error(Errc.BadInput, _WHERE, f"input '{value.name}' of shape {value.shape} is not a picture")
    layout = "NCHW" if axis == 1 else "NHWC"
    if isinstance(options, Preprocess) or "layout" in given:
        layout = given["layout"]
    gray = value.shape[axis] == 1
    result = Preprocess(**{"color": "GRAY" if gray else "RGB"} | given | {"layout": layout})
    rows = 2 if layout == "NCHW" else 1
    for key, size in (("height", value.shape[rows]), ("width", value.shape[rows + 1])):
        asked = getattr(result, key)
        if size != FREE and asked not in (0, size):
            raise Error(Errc.BadInput, _WHERE, f"{key} is {asked}, the network's input has {size}")
        setattr(result, key, asked if size == FREE else size)
    _check(result, 1 if gray else 3)
    return result


def _check(preprocess: Preprocess, channels: int) -> None:
    choices = {"layout": ("NCHW", "NHWC"), "color": ("RGB", "BGR", "GRAY"), "resize": ("nearest", "linear", "none")}
    for key, allowed in choices.items():
        if getattr(preprocess, key) not in allowed:
            raise Error(Errc.BadInput, _WHERE, f"{key} is {getattr(preprocess, key)}, possible: {', '.join(allowed)}")
    if (preprocess.color == "GRAY") != (channels == 1):
        raise Error(Errc.BadInput, _WHERE, f"color {preprocess.color} does not fit {channels} channels")
    for key in ("mean", "std"):
        if len(getattr(preprocess, key)) not in (0, channels):
            raise Error(
                Errc.BadInput, _WHERE, f"{key} has {len(getattr(preprocess, key))} numbers, expected {channels}"
            )
    if preprocess.scale == 0 or any(std <= 0 for std in preprocess.std):
        raise Error(Errc.BadInput, _WHERE, "scale must not be 0, std must be more than 0")
