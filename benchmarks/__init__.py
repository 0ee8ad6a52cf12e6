"""Where every figure comes from: `python -m benchmarks.ROOM.SCRIPT`, a room for each subject."""
