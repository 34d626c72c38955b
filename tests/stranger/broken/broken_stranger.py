"""Can't be imported."""

raise RuntimeError("a part of this package\nis missing")
