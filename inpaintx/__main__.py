"""``python -m inpaintx``, the same as ``inpaintx``."""

from inpaintx_cli.start import main

main()
