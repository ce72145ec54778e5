"""The site's pages, one file a page."""
