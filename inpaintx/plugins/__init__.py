"""Masks and blends as plugins: how they are found, made and called. Loads no torch."""

#: The version of what a plugin gets and gives; a plugin says for which it was made in `interface`.
INTERFACE = 1
