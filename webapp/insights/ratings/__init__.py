"""Ratings from battles: pure functions on arrays, no Django inside. `fit` is the way in; `bootstrap` checks it."""
