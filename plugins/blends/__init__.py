"""The built-in blends, one file each."""
