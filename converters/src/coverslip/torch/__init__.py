"""PyTorch networks as graphs, through torch's own exporter."""
