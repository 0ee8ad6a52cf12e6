"""The report: what studies hold, worked out for people, drawn, and written as one HTML page.

`data` and `comparing` work out, `charts` draws, `page` writes; each knows those before it only.
"""
