"""FINN's side: its builder, environment, graph transformations and our operators in it."""
