"""What a line is: identity, its two halves, percentiles, state, label. Pure."""
