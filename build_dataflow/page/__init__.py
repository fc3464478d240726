"""The report as one HTML page: facts of builds, charts of them, and the templates that show both."""
