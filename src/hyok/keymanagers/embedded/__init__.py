"""The embedded key manager: AES-256-GCM in this process, keys wrapped at rest, durable."""
