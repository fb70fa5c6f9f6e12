"""The passes, in the order in which they run. Each rewrites the graph in place and says whether it changed anything."""

from __future__ import annotations

from collections.abc import Callable

from .. import shapes
from ..ir import Graph
from . import (
    activation_fusion,
    activation_recognition,
    attention_heads,
    attention_recognition,
    batch_norm_folding,
    bias_fusion,
    constant_folding,
    dead_code,
    einsum_products,
    expand_removal,
    expand_targets,
    free_shapes,
    group_norm_recognition,
    identity_removal,
    integer_movement,
    integer_operators,
    integer_products,
    linear_fusion,
    norm_recognition,
    pad_folding,
    product_axes,
    product_scaling,
    reshapes,
    residual_fusion,
    scale_folding,
    spread_norms,
    transposes,
)

Pass = Callable[[Graph], bool]

ORDER: tuple[tuple[str, Pass], ...] = (
    ("identity removal", identity_removal.run),
    ("integer movement", integer_movement.run),
    ("integer operators", integer_operators.run),
    ("integer products", integer_products.run),
    ("constant folding", constant_folding.run),
    ("targets of Expand", expand_targets.run),
    ("free shapes", free_shapes.run),
    ("expand removal", expand_removal.run),
    ("norms multiplied out", spread_norms.run),
    ("norm recognition", norm_recognition.run),
    ("group-norm recognition", group_norm_recognition.run),
    ("activation recognition", activation_recognition.run),
    ("products of Einsum", einsum_products.run),
    ("axes of products", product_axes.run),
    ("attention recognition", attention_recognition.run),
    ("heads side by side", attention_heads.run),
    ("reshapes", reshapes.run),
    ("transposes", transposes.run),
    ("linear fusion", linear_fusion.run),
    ("batch-norm folding", batch_norm_folding.run),
    ("scale folding", scale_folding.run),
    ("scaling of products", product_scaling.run),
    ("pad folding", pad_folding.run),
    ("bias fusion", bias_fusion.run),
    ("residual fusion", residual_fusion.run),
    ("activation fusion", activation_fusion.run),
    ("identity removal, again", identity_removal.run),
    ("dead code", dead_code.run),
)


def run(graph: Graph) -> list[str]:
    """Runs all passes once; types are inferred anew after each that changed something. Returns the names of those."""
    shapes.annotate(graph)
    changed = []
    for name, rewrite in ORDER:
        if rewrite(graph):
            changed.append(name)
            shapes.annotate(graph)
    return changed
