"""The built-in masks and blends. The library finds them by entry point, as it finds a stranger's."""
