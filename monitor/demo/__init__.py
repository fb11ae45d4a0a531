"""The world in a box: the other side of every wire, as real servers on loopback, with their misfortunes."""
