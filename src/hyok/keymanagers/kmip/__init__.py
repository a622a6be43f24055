"""Keys of a KMIP server (1.4, 2.0 and 2.1): named symmetric keys that encrypt and decrypt there and never leave it."""
