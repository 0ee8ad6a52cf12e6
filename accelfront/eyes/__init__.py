"""Two points before a person's eyes: figures and pictures side by side, and blind votes on them.

`sides` finds the two, `figures` and `kept` work out, `page` and `ballot` write, `server` takes
votes.
"""
