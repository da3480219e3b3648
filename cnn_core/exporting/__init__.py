"""A trained network as a file for other programs: ONNX, in full precision and in 8 bits."""
