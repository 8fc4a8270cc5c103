"""What the page costs in a browser."""
