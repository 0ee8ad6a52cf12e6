"""The report: what studies hold, worked out for people, drawn, and written as one HTML page.

`data` and `comparing` work out, `points` says what the page's script draws, `page` writes; each
knows those before it only. `templates/pairs.*` shows pairs of pictures on any page.
"""
