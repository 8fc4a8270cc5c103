"""Where the rows are: one interface, the tables, and the engines behind it."""
