"""One module a command; `build_dataflow.cli` loads a module only when its command is asked for."""
