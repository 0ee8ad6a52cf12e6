"""Two points shown to a person: figures and pictures side by side, and blind votes on them.

`sides` finds the two, `figures` and `kept` prepare, `page` and `ballot` write, `server` takes
votes.
"""
