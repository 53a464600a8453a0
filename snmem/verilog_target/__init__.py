"""Networks as synthesizable Verilog in Loihi's fixed point: one core that takes neurons and synapses in turn."""
