"""What a build is held to: onnxruntime, inputs that reach every integer, and where two answers part."""
