"""The proxy's life: a parent that holds what is unlocked and open, and workers that serve."""
