"""FINN build steps that fold sparse layers into hardware, and all that they need; no torch."""
