"""The latent search: images and masks in, candidates out. Knows no pictures."""

from inpaintx.search.expectation import Expectation
from inpaintx.search.history import History
from inpaintx.search.search import Found, Search
from inpaintx.search.watching import Standing

__all__ = ["Expectation", "Found", "History", "Search", "Standing"]
