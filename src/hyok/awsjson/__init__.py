"""AWS JSON 1.1, driven by the service model in botocore, without input or output."""
