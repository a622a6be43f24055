"""The external key managers: one package each, strangers to one another."""
