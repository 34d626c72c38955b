"""The latent search: images and masks in, candidates out. Knows no pictures."""

from inpaintx.search.search import Completion, Search

__all__ = ["Completion", "Search"]
