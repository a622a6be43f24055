"""The configuration: TOML and environment in, frozen settings out; errors name file, setting, found and allowed."""
