"""What the votes say: pure arithmetic, database tallies, the statistics admin."""
