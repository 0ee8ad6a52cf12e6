"""The report: the contents of studies, prepared for people, drawn, and written as one HTML page.

`data` and `comparing` prepare, `points` lists what the page's script draws, `page` writes; each
only knows those before it. `templates/pairs.*` shows pairs of pictures on any page.
"""
