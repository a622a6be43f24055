"""AWS Signature Version 4, without input or output."""
