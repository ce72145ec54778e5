"""The HTTP face of the engine: who may ask, how much, what is answered. vLLM's own routes are not reachable."""
