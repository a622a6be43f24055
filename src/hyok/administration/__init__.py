"""What an operator does to key stores, credentials and keys: plain functions over the storage."""
