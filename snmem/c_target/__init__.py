"""Networks as C99 programs in Loihi's fixed point, for microcontrollers and processors without an operating system."""
