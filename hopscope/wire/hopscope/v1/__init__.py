"""Version 1 of the messages. Fields are added, never renumbered."""
