"""Charts as numbers for SVG attributes: the Content-Security-Policy forbids style attributes, and there is no script.

Numbers are strings with a decimal point, since templates would write them by locale. Text stands in HTML, or in percent
of an SVG that is as wide as the page, so that it is as large on a phone as on a desk. No Django inside.
"""
