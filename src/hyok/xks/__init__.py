"""The XKS proxy API v1, without input or output."""
