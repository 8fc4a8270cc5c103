"""Which process talks to which, over what protocol, how fast, how lossy, and which hop is to blame."""
