"""A published adapter for engines that take none: merged into its base, quantised to GGUF, with a model card."""
