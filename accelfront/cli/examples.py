"""Examples that `--help` shows for each command and docs/commands.md repeats."""

from __future__ import annotations

EXAMPLES = {
    "study": (
        "accelfront study",
        "accelfront study --pipeline SDXL --steps 25 --methods deepcache --trials 24",
        "accelfront study --pipeline SDXL --budget clip_loss=1% --budget ssim=10%",
        "accelfront study --methods deepcache --loss ssim --budget ssim=15%",
    ),
    "sweep": (
        "accelfront sweep studies/quickstart.yaml --dry-run",
        "accelfront sweep studies/sdxl-fast.yaml --only 'SDXL--*--tgate'",
    ),
    "studies": (
        "accelfront studies",
        "accelfront studies --rename 83d7b215 'before the upgrade'",
        "accelfront studies --delete 'before the upgrade'",
    ),
    "front": ("accelfront front", "accelfront front 83d7b215 --budget clip_loss=1% --json"),
    "diff": (
        "accelfront diff 83d7b215 98f7b2d5",
        "accelfront diff 83d7b215 98f7b2d5 --other-storage sqlite:///other.db",
    ),
    "compare": (
        "accelfront compare 83d7b215/7 12",
        "accelfront compare 83d7b215/7 --blind",
    ),
    "bounds": ("accelfront bounds", "accelfront bounds --req-score-loss 0.01"),
    "tasks": (
        "accelfront tasks",
        "accelfront tasks --ratios 0.5,0.9 --format jsonl --out tasks.jsonl",
    ),
    "generate": (
        "accelfront generate 'SDXL, DDIM, 25 steps, DeepCache, at least 1.5x'",
        "accelfront generate --tasks tasks.jsonl --policy best-quality",
    ),
    "verify": ("accelfront verify scripts/*.py",),
    "export": (
        "accelfront export --format csv --out trials.csv",
        "accelfront export 83d7b215",
    ),
    "import": ("accelfront import search-params best.json", "accelfront import votes votes.json"),
    "dashboard": ("accelfront dashboard", "accelfront dashboard --port 0"),
    "report": ("accelfront report", "accelfront report --out report.html"),
    "doctor": ("accelfront doctor", "accelfront doctor --json"),
}
"""By the command's name; each fits a line of 80 columns in help."""


def epilog(command: str) -> str:
    """The text below the options of a command's help."""
    # With empty lines between them, as help joins the lines of a paragraph.
    return "\n\n".join(["Examples:", *EXAMPLES[command]])
