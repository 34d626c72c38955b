"""Masks and blends as plugins: how they are found, made and called. Loads no torch."""
