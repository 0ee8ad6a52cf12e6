"""The quality of an embedded pipeline, as pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.embedded.methods import BRANCHES, INTERVALS
from objectives.embedded.zero_shot import ATTRIBUTES


def markdown(figures: Mapping[str, Any]) -> str:
    """Write the figures as a page."""
    where, reference = figures["environment"], figures["reference"]
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    lines = [
        f"# Quality of {figures['pipeline']}",
        "",
        f"{where['date']}, {where['device']}, {where['dtype']}, Python {where['python']}, "
        f"{versions}.",
        f"{where['captions']} held-out captions, {where['scheduler']}, "
        f"guidance {where['guidance']:g}, batches of {where['batch']}, seeds from {where['seed']}. "
        "Scores are cosines of the scorer.",
        "",
        f"Real renders {reference['real']:.4f}, through the VAE {reference['vae']:.4f} "
        f"({reference['vae_psnr']:.1f} dB), shuffled captions {reference['shuffled']:.4f}.",
        "",
        f"| steps | generated (standard error) | of real | {' | '.join(ATTRIBUTES)} |",
        "|---|---|---|" + "---|" * len(ATTRIBUTES),
    ]
    for steps, result in figures["steps"].items():
        right = " | ".join(f"{100 * result['correct'][a]:.1f}%" for a in ATTRIBUTES)
        score = f"{result['clip']:.4f} ({result['clip_error']:.4f})"
        share = result["clip"] / reference["real"]
        lines.append(f"| {steps} | {score} | {share:.3f} | {right} |")
    if any(result["methods"] for result in figures["steps"].values()):
        lines += [
            "",
            "Loss of the mean CLIP score in percent (paired standard error), and PSNR:",
            "",
            *_method_tables(figures["steps"]),
        ]
    lines += ["", "| threshold | holds |", "|---|---|"]
    lines += [f"| {name} | {'yes' if ok else 'NO'} |" for name, ok in figures["checks"].items()]
    return "\n".join(lines) + "\n"


def _method_tables(steps: Mapping[str, Any]) -> list[str]:
    def cell(result: Mapping[str, Any], name: str) -> str:
        found = result["methods"].get(name)
        if found is None:
            return "-"
        return f"{found['loss']:z.2f} ({found['loss_error']:.2f}), {found['psnr']:.1f} dB"

    lines = []
    for count, result in steps.items():
        if f"deepcache {INTERVALS[0]}/{BRANCHES[0]}" not in result["methods"]:
            continue
        lines += [
            f"| DeepCache, {count} steps | {' | '.join(f'branch {b}' for b in BRANCHES)} |",
            "|---|" + "---|" * len(BRANCHES),
        ]
        for interval in INTERVALS:
            cells = [cell(result, f"deepcache {interval}/{branch}") for branch in BRANCHES]
            lines.append(f"| interval {interval} | {' | '.join(cells)} |")
        lines.append("")
    names = dict.fromkeys(n for r in steps.values() for n in r["methods"] if "deepcache" not in n)
    if names:
        lines += [
            "T-GATE: gate/sp/fi/warm-up. ToMe: ratio/max_downsample.",
            "",
            f"| method | {' | '.join(f'{count} steps' for count in steps)} |",
            "|---|" + "---|" * len(steps),
        ]
    lines += [f"| {n} | {' | '.join(cell(r, n) for r in steps.values())} |" for n in names]
    return lines


def scan_table(scanned: Mapping[str, Any]) -> str:
    """Write a scan as a page."""
    rows: Sequence[Mapping[str, float]] = scanned["rows"]
    where = scanned["environment"]
    lines = [
        f"# {scanned['pipeline']} by guidance, {scanned['steps']} {where['scheduler']} steps",
        "",
        "Losses of the mean CLIP score in percent.",
        "",
        f"| {' | '.join(rows[0])} |",
        "|---" * len(rows[0]) + "|",
    ]
    lines += [f"| {' | '.join(f'{value:.4g}' for value in row.values())} |" for row in rows]
    return "\n".join(lines) + "\n"
