"""The command line and the builds: what ties training, FINN steps and deployment together."""
