"""Files, caches, compilers and processes: what knows nothing of networks."""
