"""A Markdown table from what `inpaintx eval` wrote: `python benches/eval_table.py eval.json [METRIC]`.

A row for each method, a column for each family of masks: the mean, and ▼ or ▲ where the judged method is
better or worse by a paired 95 % interval that is clear of 0. The judged method's own cells have the
half-width of their interval. A method that was judged on fewer pictures has no mean that would compare: its
cells tell how much better the judged method is on those.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verdict", type=Path, help="eval.json")
    parser.add_argument("metric", nargs="?", default="psnr_hole")
    parser.add_argument("--methods", nargs="+", help="only these")
    options = parser.parse_args()
    verdict = json.loads(options.verdict.read_text())
    print(table(verdict, options.metric, options.methods))


def table(verdict: dict[str, Any], metric: str, only: list[str] | None = None) -> str:
    [shown] = [each for each in verdict["metrics"] if each["name"] == metric]
    names = [method["name"] for method in verdict["methods"] if only is None or method["name"] in only]
    families = verdict["families"]
    lines = [
        f"| {shown['label']} | " + " | ".join(family["name"] for family in families) + " |",
        "|---" * (len(families) + 1) + "|",
    ]
    for name in names:
        cells = [cell(family, name, verdict["judged"][metric], shown) for family in families]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(family: dict[str, Any], name: str, judged: str, metric: dict[str, Any]) -> str:
    """One mean, marked."""
    if name not in family["scores"]:
        return "–"
    mean, low, high = family["scores"][name][metric["name"]]
    text = f"{mean:.{metric['digits']}f}"
    if name == judged:
        return f"**{text}**" + ("" if low is None else f" ± {(high - low) / 2:.{metric['digits']}f}")
    win = family["wins"].get(metric["name"], {}).get(name)
    if win is None:
        return text
    mark = "" if win[1] is None else " ▼" if win[1] > 0 else " ▲" if win[2] < 0 else ""
    if family["counts"][name] < family["counts"][judged]:
        return f"(ours {win[0]:+.{metric['digits']}f}){mark}"
    return text + mark


if __name__ == "__main__":
    main()
