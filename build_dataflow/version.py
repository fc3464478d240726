"""The version of qapflow, as `--version`, pyproject.toml and packages say it."""

VERSION = "0.1.0"
