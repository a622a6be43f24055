"""The operations of the AWS KMS API, one file per family."""
