"""Where a tool is missing (`make test-here` fetches none), the tests that need it are left out."""

from importlib.util import find_spec

TOOLS = {"test_pages.py": "sybil", "test_kit.py": "yaml"}
collect_ignore = [file for file, tool in TOOLS.items() if find_spec(tool) is None]
