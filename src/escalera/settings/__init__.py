"""The project file and the data files: read once, checked at the border."""
