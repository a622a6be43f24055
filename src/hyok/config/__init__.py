"""The configuration file: TOML to frozen values, where an unknown key is an error with its path."""
