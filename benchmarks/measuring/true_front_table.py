"""The table of full-size figures, from the results of true_front.py.

    python -m benchmarks.measuring.true_front_table benchmarks/results/true-front-*.json

prints a row for each file: what fewer steps, captured and compiled execution, the best stack of
caches and both together gain over the plain pipeline. A gain is that of the stack's default point;
in brackets is that of its fastest, whatever it loses, or of a trained pipeline's answer. If no
study has captured or compiled execution alone, the lossless point of a stack with caches stands
for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from accel_space.methods import METHODS
from benchmarks.measuring.true_front_page import chosen, plain_latency, read_results
from objectives.errors import InputError

COLUMNS = ("fewer steps", "captured", "compiled + captured", "best cache", "both")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("fronts", nargs="+", type=Path, help="files of true_front.py")
    options = parser.parse_args()
    try:
        fronts = [read_results(path) for path in options.fronts]
    except InputError as error:
        parser.error(str(error))
    print("\n".join(table(dict(zip(options.fronts, fronts, strict=True)))))


def table(fronts: Mapping[Path, Mapping[str, Any]]) -> Iterator[str]:
    """The lines of the table, a row for each file."""
    yield f"| pipeline, batch, scheduler and steps | plain s a picture | {' | '.join(COLUMNS)} |"
    yield "|---" * (2 + len(COLUMNS)) + "|"
    for path, front in fronts.items():
        stacks = {name: each for name, each in front["stacks"].items() if each.get("trials")}
        name = (
            f"[{front['pipeline']}, {front['batch_size']}]({path.with_name(f'{path.stem}.md')}), "
            f"{front['scheduler']} {front['steps']}"
        )
        best: dict[str, tuple[float, str]] = {}
        instead: dict[str, tuple[float, str]] = {}
        for stack, each in stacks.items():
            column = column_of(stack)
            best[column] = max(best.get(column, (0.0, "")), gain(stack, each))
            if column == "both" and (found := lossless_gain(each)) is not None:
                column = column_of(lossless_part(stack))
                instead[column] = max(instead.get(column, (0.0, "")), found)
        found_or_instead = {**instead, **best}
        cells = (found_or_instead.get(column, (0.0, "-"))[1] for column in COLUMNS)
        yield f"| {name} | {plain_latency(stacks):.3f} | {' | '.join(cells)} |"


def column_of(stack: str) -> str:
    """The column of a stack, if it has one; the last two show the best of several."""
    methods = set(stack.split("+"))
    lossless = {name for name in methods if METHODS[name].is_lossless}
    if methods == {"fewer_steps"}:
        return "fewer steps"
    if methods == lossless:
        return {"cuda_graph": "captured", "compile": "compiled"}.get(stack, "compiled + captured")
    return "both" if lossless else "best cache"


def lossless_part(stack: str) -> str:
    """The methods of a stack that lose nothing."""
    return "+".join(name for name in stack.split("+") if METHODS[name].is_lossless)


def lossless_gain(found: Mapping[str, Any]) -> tuple[float, str] | None:
    """The gain of a stack's fastest lossless point, if it has one."""
    gains = [each["speedup"] for kinds, each in chosen(found) if "lossless" in kinds.split(", ")]
    return (gains[0], f"{gains[0]:.2f}x ({gains[0]:.2f}x)") if gains else None


def gain(stack: str, found: Mapping[str, Any]) -> tuple[float, str]:
    """The gain of a stack's default point, or of its fastest if that was not measured."""
    gains = {
        kind: float(trial["speedup"])
        for kinds, trial in chosen(found)
        for kind in kinds.split(", ")
    }
    best = gains.get("answer", gains.get("fastest", 1.0))
    default = gains.get("default", best)
    caches = [name for name in stack.split("+") if not METHODS[name].is_lossless]
    named = f" {'+'.join(caches)}" if caches and caches != ["fewer_steps"] else ""
    return default, f"{default:.2f}x ({best:.2f}x){named}"


if __name__ == "__main__":
    main()
