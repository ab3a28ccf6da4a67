"""Keep, search and count Articles: one interface, two engines."""
