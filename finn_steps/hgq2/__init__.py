"""HGQ2's networks (Keras files) as QONNX files, exactly."""
