"""What AWS CloudTrail would record of this KMS: one event for each call, delivered in files as CloudTrail delivers."""
