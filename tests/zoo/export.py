"""Makes a network of the zoo with seeded weights and exports it to ONNX. Runs in a Python that has torch.

VENV/bin/python tests/zoo/export.py vit_tiny script17 vit_tiny.onnx --free
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import torch
from catalogue import NETWORKS, OPSETS, Network
from torch import nn

# torchvision wants compiled operators at import, and is installed without; each lives as long as its library.
TORCHVISION = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    TORCHVISION.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


class Outputs(nn.Module):
    """A network that answers with a dict, as one that answers with a tuple of its tensors."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.inner(x).values())


class MeshNet(nn.Module):
    """Dilated 3-D convolutions of few channels."""

    def __init__(self, channels: int, classes: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for dilation in (1, 2, 4, 8, 16, 8, 4, 2, 1):
            layers.append(nn.Conv3d(before, channels, 3, padding=dilation, dilation=dilation))
            layers += [nn.BatchNorm3d(channels), nn.ReLU()]
            before = channels
        self.layers = nn.Sequential(*layers, nn.Conv3d(channels, classes, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.layers(x)
        return made


def make(network: Network) -> nn.Module:
    """The network as its package makes it."""
    if network.source == "timm":
        import timm

        timm.layers.set_fused_attn(False)  # the decomposed form is what the exporters of older torch write
        made: nn.Module = timm.create_model(network.name, pretrained=False, **network.options)
    elif network.source == "monai":
        from monai.networks import nets

        made = getattr(nets, network.name)(**network.options)
    elif network.source == "here":
        made = MeshNet(**network.options)
    else:
        from torchvision import models

        of_pixels = network.source == "segmentation"
        backbone = {"weights_backbone": None} if of_pixels else {}
        made = getattr(models.segmentation if of_pixels else models, network.name)(weights=None, **backbone)
    return Outputs(made) if network.source == "segmentation" or network.name == "HoVerNet" else made


def build(name: str) -> nn.Module:
    """The network with seeded weights. Norms have statistics and factors that a network could have learned."""
    torch.manual_seed(1000 + sum(map(ord, name)))
    network = NETWORKS[name]
    model = make(network)
    for key, parameter in model.named_parameters():
        last = key.rsplit(".", 1)[-1]
        if last.startswith("gamma") or "layer_scale" in key or key.endswith("scale"):
            nn.init.uniform_(parameter, 0.1, 0.6)  # begun at 1e-6, at which nothing wrong behind it would be seen
        elif "relative_position_bias_table" in key or "pos_embed" in key:
            nn.init.normal_(parameter, 0, 0.5)
    norms = [part for part in model.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    for part in model.modules():
        if isinstance(part, (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)) and part.weight is not None:
            nn.init.uniform_(part.weight, 0.6, 1.4)
            nn.init.uniform_(part.bias, -0.2, 0.2)
    for part in model.modules() if network.source == "segmentation" else ():
        if type(part).__name__ == "Bottleneck":
            nn.init.uniform_(part.bn3.weight, 0.1, 0.6)  # as in learned ones; of sums like them rounding grows
    for norm in norms:
        norm.momentum = None  # the mean over all batches: of the one below
    if norms:
        model.train()
        for part in model.modules():
            if isinstance(part, nn.Dropout):
                part.eval()
        with torch.no_grad():
            model(torch.randn(2, *network.shape[1:]))
    return model.eval()


def export(name: str, exporter: str, destination: Path, free: bool) -> None:
    """Writes the network by one of the exporters, with free axes if wanted."""
    model, network = build(name), NETWORKS[name]
    options: dict[str, Any] = {"input_names": ["input"], "dynamo": exporter.startswith("dynamo")}
    if exporter.startswith("dynamo"):
        options["external_data"] = False
    if free and exporter.startswith("script"):
        options["dynamic_axes"] = {"input": {axis: f"d{axis}" for axis in network.free}}
    if free and exporter.startswith("dynamo"):
        options["dynamic_shapes"] = ({axis: torch.export.Dim.DYNAMIC for axis in network.free},)
    batch = 2 if free else network.shape[0]  # of 1 an exporter makes a constant
    picture = torch.randn(batch, *network.shape[1:])
    with torch.no_grad():
        torch.onnx.export(model, (picture,), destination, opset_version=OPSETS[exporter], **options)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("exporter", choices=OPSETS)
    parser.add_argument("destination", type=Path)
    parser.add_argument("--free", action="store_true", help="leave the axes free that the network allows")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    export(options.network, options.exporter, options.destination, options.free)


if __name__ == "__main__":
    main()
