"""The voting site: arena/ (compare and vote), insights/ (statistics), bardloop_site/ (settings, addresses)."""
