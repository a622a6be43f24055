"""Several key managers that share keys, as one: any member can do what any other did."""
