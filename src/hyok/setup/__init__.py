"""What a new installation consists of: the two sides of the trust line, each a directory made whole or not at all."""
