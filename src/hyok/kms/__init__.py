"""The KMS service with external key stores."""
