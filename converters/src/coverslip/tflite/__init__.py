"""TensorFlow Lite networks as graphs."""
