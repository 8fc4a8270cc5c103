"""Who may send us something: one module per protocol."""
