"""All votes as arrays in memory, brought up to date at each look: what every figure of the statistics is made of."""
