"""`python -m build_dataflow`: what run-local.sh and run-docker.sh start."""

from build_dataflow.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
