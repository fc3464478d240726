"""The parts of docs/benchmarks.md. Each module: rows(context), what is measured; section(rows), what is said of it."""
