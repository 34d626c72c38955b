"""How Sphinx builds the pages: `make docs` writes them to build/docs."""

import sys
from pathlib import Path

import inpaintx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project = "inpaintx"
author = "inpaintx contributors"
copyright = f"{author}; MIT licence"
release = version = inpaintx.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "drawn",
    "generated",
]
exclude_patterns = ["drawn"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

smartquotes = False  # two hyphens begin a flag

html_theme = "furo"
html_title = "inpaintx"
html_static_path = ["static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sourcelink = False

# Fields of dataclasses are described once, in the class's docstring.
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Other people's names have no page here, and no inventory is fetched, so that a build needs no network.
nitpick_ignore_regex = [
    ("py:.*", r"(np|numpy|torch|nn|PIL|os|pathlib|collections|typing|threading)\..*"),
    ("py:.*", r"(Tensor|CancelledError|Path|Any|Callable|Iterator|Iterable|Sequence|Mapping)"),
]
# Types that have no page of their own: aliases, which are told where they are taken, and networks.
nitpick_ignore = [
    ("py:class", name)
    for name in (
        "Control",
        "Discriminator",
        "Encoder",
        "PictureLike",
        "Networks",
        "inpaintx.networks.checkpoint.Networks",
        "inpaintx.plugins.registry.Plugin",
    )
] + [("py:func", "inpaintx.pictures.regions.fit_region")]

linkcheck_timeout = 20
linkcheck_anchors = False
