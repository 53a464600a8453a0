"""Learning after a step: :mod:`.gated` rules, sums of :mod:`.products`, :mod:`.pairs` of spikes and selective rules."""
