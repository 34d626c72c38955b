"""A page to look through a folder's results: what was there, what was made of it, and the record of it."""
