"""What runs on the board, and what goes there with it. Files named in `package.BOARD_FILES` need numpy alone."""
