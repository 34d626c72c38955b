"""``python -m inpaintx``, the same as ``inpaintx``."""

from inpaintx_cli.main import main

main()
