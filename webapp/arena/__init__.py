"""Blind side-by-side comparisons: scenes, two paced replies, one vote, the reveal."""
