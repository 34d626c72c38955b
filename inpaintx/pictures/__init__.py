"""Pictures: what a user has, as numpy arrays, and back without loss. Loads no torch."""

from inpaintx.pictures.files import find_pictures, read_picture, write_picture
from inpaintx.pictures.picture import Picture

__all__ = ["Picture", "find_pictures", "read_picture", "write_picture"]
