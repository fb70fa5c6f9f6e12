"""ONNX networks as graphs."""
