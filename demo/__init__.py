"""A small press landscape on loopback, for the demo and the tests of the whole chain."""
