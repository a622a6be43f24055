"""Configuration in, running objects out: the only place that names concrete backends.

`sides` opens what lies at rest, `holder` the customer's side of the trust line, `key_managers` what stands behind it;
`proxy` and `kms` run the two services.
"""
