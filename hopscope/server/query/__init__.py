"""How questions are answered: the GraphQL schema, what is behind it, and its limits."""
