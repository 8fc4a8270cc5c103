"""What hopscope costs: ratios against a baseline in one interleaved run."""
