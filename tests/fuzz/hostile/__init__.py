"""Files that somebody made to do harm, or that broke on their way: structure-aware mutations of good ones, and what reading them comes to."""
