"""The networks of the zoo: where each comes from, the shape of its input, and the axes that a caller may choose."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int, ...]

BATCH: Shape = (0,)
PICTURE: Shape = (0, 2, 3)
VOLUME: Shape = (0, 2, 3, 4)


@dataclass(frozen=True)
class Network:
    """A network of a Python package; export.py makes it."""

    source: str  # timm, monai, torchvision, segmentation (of torchvision), or here (in export.py)
    name: str
    shape: Shape = (1, 3, 224, 224)
    free: Shape = PICTURE
    options: dict[str, Any] = field(default_factory=dict)


_UNET = {
    "in_channels": 1,
    "out_channels": 2,
    "channels": (8, 16, 32, 64),
    "strides": (2, 2, 2),
    "num_res_units": 2,
}
_DYNUNET = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 3,
    "kernel_size": [3, 3, 3, 3],
    "strides": [1, 2, 2, 2],
    "upsample_kernel_size": [2, 2, 2],
    "filters": [8, 16, 32, 64],
    "res_block": True,
}
_UNETR = {
    "in_channels": 1,
    "out_channels": 3,
    "img_size": (64, 64, 64),
    "feature_size": 8,
    "hidden_size": 192,
    "mlp_dim": 384,
    "num_heads": 6,
}
_SLICE: Shape = (1, 1, 128, 128)
_SMALL: Shape = (1, 1, 48, 48, 48)
_BIG: Shape = (1, 1, 64, 64, 64)

NETWORKS = {
    "resnet50": Network("timm", "resnet50"),
    "vit_tiny": Network("timm", "vit_tiny_patch16_224", free=BATCH),
    "swin_tiny": Network("timm", "swin_tiny_patch4_window7_224", free=BATCH),
    "convnext_tiny": Network("timm", "convnext_tiny"),
    "mobilenetv3": Network("timm", "mobilenetv3_large_100"),
    "unet_2d": Network("monai", "UNet", _SLICE, PICTURE, {"spatial_dims": 2, **_UNET}),
    "densenet121": Network("timm", "densenet121"),
    "mobilenetv2": Network("timm", "mobilenetv2_100"),
    "efficientnet_b0": Network("timm", "efficientnet_b0"),
    "deit_tiny": Network("timm", "deit_tiny_patch16_224", free=BATCH),
    "beit_base": Network("timm", "beit_base_patch16_224", free=BATCH),
    "swinv2_tiny": Network("timm", "swinv2_tiny_window8_256", (1, 3, 256, 256), BATCH),
    "mobilevit_s": Network("timm", "mobilevit_s", (1, 3, 256, 256), BATCH),
    "poolformer_s12": Network("timm", "poolformer_s12"),
    "inception_v3": Network("timm", "inception_v3", (1, 3, 299, 299)),
    "vgg16_bn": Network("timm", "vgg16_bn", free=BATCH),
    "unet_3d": Network("monai", "UNet", _SMALL, VOLUME, {"spatial_dims": 3, **_UNET}),
    "dynunet": Network("monai", "DynUNet", _SMALL, VOLUME, _DYNUNET),
    "segresnet_2d": Network(
        "monai", "SegResNet", _SLICE, PICTURE, {"spatial_dims": 2, "in_channels": 1, "out_channels": 2}
    ),
    "unetr": Network("monai", "UNETR", _BIG, BATCH, _UNETR),
    "swin_unetr": Network("monai", "SwinUNETR", _BIG, BATCH, {"in_channels": 1, "out_channels": 3, "feature_size": 12}),
    "hovernet": Network("monai", "HoVerNet", (1, 3, 256, 256), BATCH, {"mode": "fast", "out_classes": 5}),
    "meshnet": Network("here", "MeshNet", _SMALL, VOLUME, {"channels": 5}),
    "deeplabv3": Network("segmentation", "deeplabv3_resnet50"),
    "fcn": Network("segmentation", "fcn_resnet50"),
    "lraspp": Network("segmentation", "lraspp_mobilenet_v3_large"),
    "squeezenet1_1": Network("torchvision", "squeezenet1_1"),
    "shufflenet_v2_x1_0": Network("torchvision", "shufflenet_v2_x1_0"),
}

OPSETS = {"script13": 13, "script17": 17, "dynamo18": 18, "dynamo-newest": 23}
"""The exporters' names, and the opsets they are asked for."""
