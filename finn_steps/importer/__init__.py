"""From a QONNX file to the integer network, exact by construction: thresholds come from running the model's own operators."""
