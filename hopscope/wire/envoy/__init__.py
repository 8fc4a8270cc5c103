"""What Envoy says, as far as we read it."""
