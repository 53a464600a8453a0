"""Published numbers of the K-winner memory and of the 1-winner memory beside it.

Source: results the authors saved with the code of Bhandarkar & McClelland 2025, "Neural Computation Without Slots",
arXiv 2511.04593 (figures 4, S1, S2, S3 and S6): 10 samples of 20 runs; keys are (model, share of ones in the cue).
"""

from __future__ import annotations

K, ONE, HIGH, GRADED = "K-winner", "1-winner", "K-winner, fan-in 100", "1-winner, rate 0.3"
AGES = (1, 5, 10, 20, 50, 100, 200, 300, 500, 800, 1000)
BANDS = ((1, 10), (11, 50), (51, 100), (101, 200), (201, 400), (401, 600), (601, 1000))

#: Runs behind each accuracy, each d' and what a run of the authors' code over 20 runs gives.
RUNS, D_PRIME_RUNS, CODE_RUNS = 100, 200, 20
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

#: Figure S2: accuracy at the first nine of AGES, and for patterns never stored.
HIGH_ACCURACY = {
    1.0: (0.908, 0.895, 0.875, 0.838, 0.733, 0.597, 0.475, 0.443, 0.429),
    0.5: (0.881, 0.860, 0.834, 0.785, 0.634, 0.478, 0.364, 0.342, 0.331),
}
HIGH_NEVER = {1.0: 0.4290, 0.5: 0.3311}

#: Figure S3, whole cues: accuracy over ages within 5 of AGES and d' by band, both by a run of the authors' code.
GRADED_ACCURACY = (0.716, 0.713, 0.697, 0.668, 0.580, 0.487, 0.345, 0.292, 0.213, 0.174, 0.166)
GRADED_D_PRIME = (11.8, 3.73, 2.08, 1.58, 1.13, 0.75, 0.35)
GRADED_NEVER = {1.0: 0.1592, 0.5: 0.1426}
#: K-winner of rate 0.2, whole cues, patterns never stored.
SLOWER_NEVER = 0.5211

#: Figure S6, whole cues, by bits turned over per edge: accuracy for never-stored leaves and unstructured patterns.
FLIPS = (5, 10, 15, 20, 30)
TREE_NEVER = {
    (K, "same"): (0.744, 0.602, 0.509, 0.481, 0.505),
    (K, "uniform"): (0.357, 0.353, 0.364, 0.416, 0.491),
    (ONE, "same"): (0.653, 0.439, 0.315, 0.247, 0.196),
}
#: d' of the K-winner at 20 bits turned over per edge, by band.
TREE_D_PRIME = (5.25, 4.21, 2.93, 1.91, 1.01, 0.51, 0.24)
