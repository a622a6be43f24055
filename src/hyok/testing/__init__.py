"""Help for people who write a key manager: every promise of the interface as a test of theirs."""
