/* What a network consists of, for network.c and network_tables.c. */
#ifndef NETWORK_TYPES_H
#define NETWORK_TYPES_H

#include "network.h"

/* How the postsynaptic neurons of a projection are stored. */
enum network_index { ALL, BYTES, SHORTS, WORDS };

typedef struct {
    uint32_t words;   /* of 32 bits, one bit each neuron or line */
    uint32_t slots;   /* steps of spikes that are kept: the longest delay from here, and 1 */
    uint32_t *spikes; /* [slots][words] */
} source_t;

typedef struct {
    uint32_t pre;           /* source */
    uint32_t delay;         /* steps */
    uint32_t lines;         /* presynaptic neurons */
    int32_t scale;          /* of a stored weight */
    uint32_t halvings;      /* of the sum of a step, rounded down; 0 everywhere without NETWORK_SCRATCH */
    uint8_t kind;           /* of `post` */
    uint8_t negative;       /* weights are int8_t, else uint8_t */
    const uint32_t *rows;   /* [lines + 1] where the synapses of each begin; null if all neurons have one from each */
    const void *post;       /* [synapses] neurons */
    const void *weights;    /* [synapses] */
} projection_t;

typedef struct {
    uint32_t source;
    uint32_t size;
    uint32_t first, last;        /* of its incoming projections */
    uint64_t period, offset;     /* of timed clears; period 0: none */
    uint8_t restless;            /* neurons may change without input */
    uint8_t subtract;            /* a spike takes the threshold off v, which else becomes 0 */
    uint8_t each[5];             /* decay_u, decay_v, threshold, bias, hold: 1 if a value each, 0 if one for all */
    const uint16_t *decay_u;     /* what remains of u in a step, in 1/4096 */
    const uint16_t *decay_v;
    const int32_t *threshold;    /* of v */
    const int32_t *bias;         /* added to v */
    const uint8_t *hold;         /* steps after that of a spike in which v stays; null if none does */
    const int32_t *start_u;      /* u and v at first; null for 0 */
    const int32_t *start_v;
    sum_t *u;
    sum_t *sum;                  /* weights that arrive in this step */
    int32_t *v;
    uint8_t *left;               /* steps in which v still stays; null without hold */
    uint32_t *awake;             /* bits of neurons whose u, v, sum or left may differ from 0 */
} population_t;

extern const source_t network_sources[];
extern const projection_t network_projections[];
extern const population_t network_populations[];

#endif
