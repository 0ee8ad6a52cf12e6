"""The metrics, a file each; `METRICS` of the room above names them."""
