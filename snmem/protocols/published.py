"""Published numbers of the K-winner memory, main configuration, and of the 1-winner memory beside it.

Source: results the authors saved with the code of Bhandarkar & McClelland 2025, "Neural Computation Without Slots",
arXiv 2511.04593 (figures 4 and S1): 10 samples of 20 runs; keys are (model, share of ones in the cue).
"""

from __future__ import annotations

K, ONE = "K-winner", "1-winner"
AGES = (1, 5, 10, 20, 50, 100, 200, 300, 500, 800, 1000)
BANDS = ((1, 10), (11, 50), (51, 100), (101, 200), (201, 400), (401, 600), (601, 1000))

#: Runs behind each accuracy.
RUNS = 100
ACCURACY = {
    (K, 1.0): (0.851, 0.841, 0.839, 0.821, 0.776, 0.716, 0.632, 0.584, 0.542, 0.523, 0.517),
    (ONE, 1.0): (1.00, 0.963, 0.947, 0.852, 0.700, 0.494, 0.295, 0.209, 0.176, 0.175, 0.175),
    (K, 0.5): (0.748, 0.734, 0.714, 0.698, 0.640, 0.569, 0.479, 0.433, 0.402, 0.389, 0.391),
    (ONE, 0.5): (1.00, 0.970, 0.932, 0.852, 0.671, 0.464, 0.282, 0.205, 0.168, 0.155, 0.154),
}
NEVER = {(K, 1.0): 0.5186, (ONE, 1.0): 0.1763, (K, 0.5): 0.3852, (ONE, 0.5): 0.1543}
#: Mean d' over bands of ages.
D_PRIME = {
    (K, 1.0): (8.59, 7.21, 5.42, 3.57, 1.63, 0.57, 0.16),
    (ONE, 1.0): (29.3, 2.95, 0.99, 0.55, 0.20, 0.04, 0.01),
    (K, 0.5): (7.77, 6.55, 4.64, 2.90, 1.25, 0.41, 0.12),
    (ONE, 0.5): (21.6, 2.35, 1.01, 0.53, 0.20, 0.04, 0.00),
}
#: First and last age of the stretch without a gap at which the K-winner's d' is significantly the larger.
RELIABLE = {1.0: (21, 476), 0.5: (19, 456)}
#: Age at which the K-winner overtakes the 1-winner in accuracy and in raw difference.
CROSSING_ACCURACY = {1.0: 31, 0.5: 61}
CROSSING_DIFFERENCE = {1.0: 196, 0.5: 247}
#: Amplitude and rate of the exponential fit to the raw difference at ages 1 to 200.
FIT = {
    (K, 1.0): (0.3364, 0.00538),
    (ONE, 1.0): (0.8334, 0.01009),
    (K, 0.5): (0.3633, 0.00689),
    (ONE, 0.5): (0.8582, 0.01021),
}
