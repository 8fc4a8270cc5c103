"""What the numbers mean: pure, no clock, file, socket or thread."""
