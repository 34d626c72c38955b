"""A collection of letters, rendered from fonts."""
