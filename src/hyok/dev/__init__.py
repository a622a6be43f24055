"""`hyok dev`: both sides of the trust line on one machine, and a walk-through that shows what they are worth."""
