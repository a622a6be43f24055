"""Every metric, label and bucket, and their registry."""
