"""Keras and TensorFlow.js networks as graphs."""
