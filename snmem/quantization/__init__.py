"""From float networks to Loihi's integers: scales, and their calibration on sample input."""
