"""The Transit key manager: AES-256-GCM keys in the Transit secrets engine of OpenBao or Vault."""
