"""The networks: as they are trained, frozen for the search, and in files."""
