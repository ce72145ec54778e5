"""The cleaning of posts: from a forum message to plain text, one rule a function."""
