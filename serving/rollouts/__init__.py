"""Which adapter version answers, and how a new one comes to: one control for all replicas of the engine."""
