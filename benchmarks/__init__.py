"""The benchmarks that `scripts/bench` runs: CPU per request of the real servers, beside nginx in the same run."""
