"""The metrics, a file each; `METRICS` in objectives/quality/ names them."""
