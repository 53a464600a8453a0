/* The step of network.h. The network itself stands in network_tables.c and network_sizes.h. */
#include "network_types.h"

#include <stddef.h>

#define STATE_LIMIT 8388608 /* u and v are 24-bit signed numbers */
#define SHIFT 64            /* synaptic input and thresholds count in units of 1/64 of v */

static const uint32_t inputs = NETWORK_INPUTS; /* may be 0 */
static uint32_t now[NETWORK_SOURCES];          /* slot of this step */
static uint64_t steps;                         /* done */
#if NETWORK_SCRATCH
static sum_t scratch[NETWORK_SCRATCH];         /* sums of one projection; 0 between its spikes */
#endif

/* x times k / 4096, rounded towards 0. */
static int64_t decayed(int64_t x, int64_t k)
{
    int64_t product = x * k;
    return product < 0 ? -((-product) >> 12) : product >> 12;
}

#if NETWORK_SCRATCH
/* x / 2^n rounded down; shifts of negative numbers are left to the compiler by C99. */
static sum_t halved(sum_t x, uint32_t n)
{
    return x < 0 ? (sum_t)~((sum_t)~x >> n) : (sum_t)(x >> n);
}

static void add_halved(const projection_t *q, const population_t *p)
{
    uint32_t j;
    for (j = 0; j < p->size; j++) {
        p->sum[j] += halved(scratch[j], q->halvings);
        scratch[j] = 0;
    }
}
#endif

static uint32_t *slot(uint32_t source, uint32_t delay)
{
    const source_t *s = &network_sources[source];
    uint32_t at = now[source] + s->slots - delay;
    return s->spikes + (size_t)(at >= s->slots ? at - s->slots : at) * s->words;
}

/* One presynaptic neuron's weights into `to`: POST says which neuron synapse k leads to. */
#define ADD(POST, WEIGHT)                                        \
    do {                                                         \
        for (k = begin; k < end; k++) {                          \
            uint32_t j = POST;                                   \
            to[j] += (sum_t)((const WEIGHT *)q->weights)[k] * q->scale; \
            awake[j >> 5] |= UINT32_C(1) << (j & 31);            \
        }                                                        \
    } while (0)
#define ADD_KIND(WEIGHT)                                                          \
    do {                                                                          \
        switch (q->kind) {                                                        \
        case ALL: ADD((uint32_t)(k - begin), WEIGHT); break;                      \
        case BYTES: ADD(((const uint8_t *)q->post)[k], WEIGHT); break;            \
        case SHORTS: ADD(((const uint16_t *)q->post)[k], WEIGHT); break;          \
        default: ADD(((const uint32_t *)q->post)[k], WEIGHT); break;              \
        }                                                                         \
    } while (0)

static void add_line(const projection_t *q, uint32_t line, uint32_t size, sum_t *to, uint32_t *awake)
{
    size_t begin, end, k;
    if (q->rows == NULL) {
        begin = (size_t)line * size;
        end = begin + size;
    } else {
        begin = q->rows[line];
        end = q->rows[line + 1];
    }
    if (q->negative)
        ADD_KIND(int8_t);
    else
        ADD_KIND(uint8_t);
}

/* The spikes of a projection that arrive in this step. */
static void deliver(const projection_t *q, const population_t *p)
{
    const uint32_t *spikes = slot(q->pre, q->delay);
    sum_t *to = p->sum;
    uint32_t words = network_sources[q->pre].words, word, bits, line;
#if NETWORK_SCRATCH
    if (q->halvings)
        to = scratch;
#endif
    for (word = 0; word < words; word++)
        for (bits = spikes[word], line = word << 5; bits; bits >>= 1, line++)
            if (bits & 1)
                add_line(q, line, p->size, to, p->awake);
#if NETWORK_SCRATCH
    if (q->halvings)
        add_halved(q, p);
#endif
}

/* u and v of one neuron; returns whether it spikes. */
static int update(const population_t *p, uint32_t j)
{
    int64_t u = decayed(p->u[j], p->decay_u[p->each[0] ? j : 0]) + (int64_t)p->sum[j] * SHIFT, v;
    if (u > STATE_LIMIT)
        u -= 2 * STATE_LIMIT;
    else if (u <= -STATE_LIMIT)
        u += 2 * STATE_LIMIT;
    p->u[j] = (sum_t)u;
    p->sum[j] = 0;
    if (p->left && p->left[j]) {
        p->left[j]--;
        return 0;
    }
    v = decayed(p->v[j], p->decay_v[p->each[1] ? j : 0]) + u + p->bias[p->each[3] ? j : 0];
    if (v > STATE_LIMIT - 1)
        v = STATE_LIMIT - 1;
    else if (v < -(STATE_LIMIT - 1))
        v = -(STATE_LIMIT - 1);
    if (v > p->threshold[p->each[2] ? j : 0]) {
        p->v[j] = p->subtract ? (int32_t)v - p->threshold[p->each[2] ? j : 0] : 0;
        if (p->left)
            p->left[j] = p->hold[p->each[4] ? j : 0];
        return 1;
    }
    p->v[j] = (int32_t)v;
    return 0;
}

static void clear(const population_t *p)
{
    uint32_t j;
    for (j = 0; j < p->size; j++) {
        p->u[j] = 0;
        p->v[j] = 0;
        if (p->left)
            p->left[j] = 0;
    }
}

static void step_population(const population_t *p)
{
    uint32_t *spikes = slot(p->source, 0), words = network_sources[p->source].words, i, word, bits, j;
    for (i = p->first; i < p->last; i++)
        deliver(&network_projections[i], p);
    if (p->period && steps % p->period == p->offset)
        clear(p);
    for (word = 0; word < words; word++) {
        uint32_t spiking = 0, awake = 0, bit = 1;
        for (bits = p->awake[word], j = word << 5; bits; bits >>= 1, bit <<= 1, j++)
            if (bits & 1) {
                if (update(p, j))
                    spiking |= bit;
                if (p->restless || p->u[j] || p->v[j] || (p->left && p->left[j]))
                    awake |= bit;
            }
        spikes[word] = spiking;
        p->awake[word] = awake;
    }
}

void network_step(void)
{
    uint32_t i, word;
    for (i = 0; i < NETWORK_POPULATIONS; i++)
        step_population(&network_populations[i]);
    steps++;
    for (i = 0; i < NETWORK_SOURCES; i++)
        now[i] = now[i] + 1 == network_sources[i].slots ? 0 : now[i] + 1;
    for (i = 0; i < inputs; i++) /* room for the input of the next step */
        for (word = 0; word < network_sources[i].words; word++)
            slot(i, 0)[word] = 0;
}

void network_reset(void)
{
    uint32_t i, j;
    steps = 0;
    for (i = 0; i < NETWORK_SOURCES; i++) {
        now[i] = 0;
        for (j = 0; j < network_sources[i].slots * network_sources[i].words; j++)
            network_sources[i].spikes[j] = 0;
    }
    for (i = 0; i < NETWORK_POPULATIONS; i++) {
        const population_t *p = &network_populations[i];
        clear(p);
        for (j = 0; j < network_sources[p->source].words; j++)
            p->awake[j] = 0;
        for (j = 0; j < p->size; j++) {
            p->sum[j] = 0;
            if (p->start_u)
                p->u[j] = p->start_u[j];
            if (p->start_v)
                p->v[j] = p->start_v[j];
            if (p->restless || p->u[j] || p->v[j])
                p->awake[j >> 5] |= UINT32_C(1) << (j & 31);
        }
    }
}

int network_input(uint32_t input, uint32_t line)
{
    if (input >= inputs || line >= network_sizes[input])
        return -1;
    slot(input, 0)[line >> 5] |= UINT32_C(1) << (line & 31);
    return 0;
}

const uint32_t *network_spikes(uint32_t source)
{
    return source < NETWORK_SOURCES ? slot(source, 1) : NULL;
}

int network_spiked(uint32_t source, uint32_t neuron)
{
    if (source >= NETWORK_SOURCES || neuron >= network_sizes[source])
        return -1;
    return (int)(slot(source, 1)[neuron >> 5] >> (neuron & 31) & 1);
}

int32_t network_v(uint32_t source, uint32_t neuron)
{
    uint32_t i;
    for (i = 0; i < NETWORK_POPULATIONS; i++)
        if (network_populations[i].source == source && neuron < network_populations[i].size)
            return network_populations[i].v[neuron];
    return 0;
}
