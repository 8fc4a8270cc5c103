"""Where the agent's seconds go: one module per receiver."""
