"""Between accelerators and FINN's graphs."""
