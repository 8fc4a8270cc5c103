"""The messages of package `hopscope`, one module per version."""
