"""The four operations of the XKS proxy API, one file each."""
