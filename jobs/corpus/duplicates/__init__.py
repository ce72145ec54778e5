"""Copies and near-duplicates: from texts to pairs."""
