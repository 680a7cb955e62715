"""The prices that hold: the user's own, litellm's map and its updates, and the proofs of the map's entries."""
