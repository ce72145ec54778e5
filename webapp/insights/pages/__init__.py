"""The pages of the statistics admin: each is made as plain data, then written as HTML or as CSV."""
