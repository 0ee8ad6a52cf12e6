"""Published claims next to measurements made here, and next to the gains of fewer steps.

    python -m benchmarks.pages.claims

reads `claims.yaml`, and the kept files of true_front.py, full_size.py and equal_loss.py in `--out`;
writes `claims.json` and `claims.md` there. A cell without a measurement shows a dash.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.embedded.equal_loss_page import CLIP_AND_CONTENT, cases_of, choice_of
from benchmarks.measuring.true_front_page import chosen, fastest, is_lossless
from benchmarks.measuring.true_front_table import lossless_part
from benchmarks.shared.result_files import keep_results, results_parser, results_path

CLAIMS = Path(__file__).with_suffix(".yaml")

BUDGET = 0.02
"""The losses at which a method and fewer steps are compared."""

TWINS = {
    "SD1.5": "tiny-shapes",
    "SD2.1": "tiny-shapes-v",
    "SDXL": "tiny-shapes-xl",
    "PixArt-alpha": "tiny-shapes-dit",
    "SD3.5-medium": "tiny-shapes-sd3",
    "FLUX.1-dev": "tiny-shapes-flux",
}
"""The trained miniature of each model, on which losses are measured."""

Record = Mapping[str, Any]


def main() -> None:
    """Write the page."""
    options = results_parser(__doc__).parse_args()
    claims = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    results = compared(claims, options.out)
    page = as_markdown(results)
    keep_results("claims", results, page, options.out)
    print(page)


def compared(claims: Sequence[Record], folder: Path) -> dict[str, Any]:
    """Each claim with the measurements that a folder has for it."""
    fronts = _read_all(folder.glob("true-front-*.json"))
    sizes = _read_all(folder.glob("full-size-*.json"))
    path = results_path("equal-loss", folder)
    cases = cases_of(_read(path)["pieces"]) if path.exists() else {}
    rows = []
    for claim in claims:

        def is_near(front: Record, claim: Record = claim) -> int:
            return abs(int(front["steps"]) - int(claim["steps"]))

        of_model = [
            front
            for front in fronts
            if front["pipeline"] == claim["pipeline"] and front["batch_size"] == 1
        ]
        of_model.sort(key=is_near)
        measured = [measured_cell(claim, of_model, sizes, name) for name in claim["measured_as"]]
        rows.append(
            {
                **claim,
                "claimed": claim.get("speedup") or claim["seconds"][0] / claim["seconds"][1],
                "measured": next(filter(None, measured), None),
                "fewer_measured": next(filter(None, map(fewer_cell, of_model)), None),
                "twin": twin_cell(claim, cases),
            }
        )
    return {"claims": rows}


def measured_cell(
    claim: Record, fronts: Sequence[Record], sizes: Sequence[Record], stack: str
) -> Record | None:
    """A stack's default point in the first file that has it; those of true_front.py come first."""
    over = claim.get("over", "plain")
    found: Iterator[Record | None] = (front_cell(stack, over, front) for front in fronts)
    if (cell := next(filter(None, found), None)) is not None:
        return cell
    of_model = (size for size in sizes if size["pipeline"] == claim["pipeline"])
    return next(filter(None, (size_cell(stack, claim["steps"], size) for size in of_model)), None)


def front_cell(stack: str, over: str, front: Record) -> Record | None:
    """A stack's default point in a file of true_front.py; for a lossless one its lossless point."""
    wanted = set(stack.split("+"))
    for name, found in front["stacks"].items():
        if not found.get("trials"):
            continue
        lossless = fastest(list(filter(is_lossless, found["trials"])))
        if set(name.split("+")) == wanted:
            trial = _default(found)
        elif lossless is not None and set(lossless_part(name).split("+")) == wanted:
            trial = lossless
        else:
            continue
        beside = lossless if over == "compiled" and lossless is not trial else None
        return {
            "speedup": trial["speedup"]
            if beside is None
            else beside["latency_s"] / trial["latency_s"],
            "seconds": trial["latency_s"],
            "over": "plain" if beside is None else "compiled",
            "what": f"`{stack}`, {front['scheduler']} {front['steps']}, {front['device']}",
            "hits": trial.get("hits"),
        }
    return None


def size_cell(stack: str, steps: int, size: Record) -> Record | None:
    """A stack's default point in a file of full_size.py, with the steps nearest to a claim's."""
    settings = [each for each in size["settings"] if stack in each["stacks"]]
    if not settings:
        return None
    setting = min(settings, key=lambda each: abs(each["key"][1] - steps))
    (batch_size, taken), trial = setting["key"], setting["stacks"][stack]
    device = size["environment"]["device"]
    return {
        "speedup": trial["speedup"],
        "seconds": trial["latency_s"],
        "over": "plain",
        "what": f"`{stack}`, DDIM {taken}, batches of {batch_size}, {device}",
    }


def fewer_cell(front: Record) -> Record | None:
    """The gain of fewer steps in a file of true_front.py, by default half of them."""
    found = front["stacks"].get("fewer_steps", {})
    if not found.get("trials"):
        return None
    trial = _default(found)
    left = trial["params"]["fewer_steps.num_inference_steps"]
    return {"speedup": trial["speedup"], "what": f"{left:g} of {front['steps']} steps"}


def twin_cell(claim: Record, cases: Mapping[str, Any]) -> Record | None:
    """How far the method and fewer steps reduce the work on the model's twin, in one budget."""
    method = str(claim.get("method"))
    for case, methods in cases.items():
        if case.partition(",")[0] != TWINS[claim["pipeline"]] or method not in methods:
            continue
        choices = {
            name: choice_of(name, methods[name], BUDGET, CLIP_AND_CONTENT)
            for name in (method, "fewer_steps")
            if name in methods
        }
        return {
            "what": case,
            "gains": {
                name: None if choice is None or not choice.holds else 1 / choice.work
                for name, choice in choices.items()
            },
        }
    return None


def as_markdown(results: Record) -> str:
    """The claims as a table for people."""
    lines = [
        "# Published claims, measured here, and fewer steps",
        "",
        "Claims are figures of their sources, with the hardware and steps named there. Measured "
        "here is the default point of the same or the nearest methods on the same architecture, "
        "with random weights: the time means what it says, and nothing is said of loss. What is "
        "claimed over a compiled pipeline is measured over the compiled and captured one, where "
        "that was measured. A dynamic cache decides by what the denoiser computes, so with random "
        "weights its share of hits, and with it its speedup, may be far from a real model's. "
        "The last column is of a trained miniature of the same family: how far "
        f"the denoiser's work falls inside {BUDGET:.0%} of CLIP loss and of attributes, by the "
        "method and by fewer steps, judged on prompts that chose neither; equal_loss.py measures "
        "it. A dash: not measured. Made by `python -m benchmarks.pages.claims`.",
        "",
        "| method, model, steps | claimed | fewer steps, same source | measured here "
        "| fewer steps here | at equal loss: it, fewer steps |",
        "|---|---|---|---|---|---|",
        *map(_row, results["claims"]),
    ]
    return "\n".join(lines) + "\n"


def _row(row: Record) -> str:
    over = _over(row.get("over", "plain"))
    claimed = f"{row['claimed']:.2f}x{over}, {row['about']}, [{row['source']}]({row['link']})"
    cells = _measured(row["measured"]), _measured(row["fewer_measured"]), _twin(row["twin"])
    head = f"{row['title']}, {row['pipeline']}, {row['steps']}"
    return f"| {head} | {claimed} | {row.get('fewer', '-')} | {' | '.join(cells)} |"


def _over(over: str) -> str:
    return " over compiled" if over == "compiled" else ""


def _measured(cell: Record | None) -> str:
    if cell is None:
        return "-"
    seconds = f", {cell['seconds']:.2f} s" if "seconds" in cell else ""
    hits = "" if cell.get("hits") is None else f"; {cell['hits']:.0%} of its calls hit"
    return (
        f"{cell['speedup']:.2f}x{_over(cell.get('over', 'plain'))}{seconds}, {cell['what']}{hits}"
    )


def _twin(cell: Record | None) -> str:
    if cell is None:
        return "-"
    gains = ["none" if gain is None else f"{gain:.2f}x" for gain in cell["gains"].values()]
    return f"{', '.join(gains)}; {cell['what']}"


def _default(found: Record) -> Record:
    """A stack's default trial, or its fastest if that failed."""
    trials: dict[str, Record] = {
        kind: each for kinds, each in chosen(found) for kind in kinds.split(", ")
    }
    return trials.get("default", trials["fastest"])


def _read_all(paths: Iterator[Path]) -> list[Record]:
    """The files; those that were measured again, which have longer names, come last."""
    return [_read(path) for path in sorted(paths, key=lambda path: (len(path.name), path.name))]


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


if __name__ == "__main__":
    main()
