"""hyok: hold your own keys for AWS KMS external key stores."""
