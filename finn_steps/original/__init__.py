"""The user's own file, run as it is: the truth that a build is held to. Nothing here knows how the importer reads a file."""
