"""The PKCS#11 key manager: keys in a hardware security module, reached through its maker's library."""
