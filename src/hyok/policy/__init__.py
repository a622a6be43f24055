"""IAM-style policies, without input or output: parse, compile once, decide for each request, explain."""
