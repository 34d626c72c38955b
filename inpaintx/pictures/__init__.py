"""Pictures: what a user has, as numpy arrays, and back without loss. Loads no torch."""

from inpaintx.pictures.files import read_picture, write_picture
from inpaintx.pictures.finding import Found, find_pictures, search_pictures
from inpaintx.pictures.picture import Picture

__all__ = ["Found", "Picture", "find_pictures", "read_picture", "search_pictures", "write_picture"]
