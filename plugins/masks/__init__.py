"""The built-in masks, one file each."""
