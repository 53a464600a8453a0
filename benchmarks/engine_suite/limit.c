/* What a machine can do for the access pattern of spike delivery: rows of synapse records are streamed, each record
   adds a weight to one place of an array. TARGET and WEIGHT are the types of a record's two halves; with PALETTE the
   second half is a number into a table of weights.

   rows:   offsets of (row, range) into the records, `ranges` to a row, targets ascending within a row
   spikes: the rows to deliver, step after step; step s delivers spikes[first[s]] .. spikes[first[s + 1] - 1]      */
#include <stdint.h>
#include <string.h>

typedef struct {
    const TARGET *target;
    const WEIGHT *weight;
    const double *palette;
    const int64_t *rows;
    const int64_t *spikes;
    const int64_t *first;
    int64_t steps, ranges;
} Work;

#ifdef PALETTE
#define VALUE(k) w->palette[w->weight[k]]
#else
#define VALUE(k) ((double)w->weight[k])
#endif

/* Range after range, so that the sums stay in the first-level cache; the next row is asked for in time. */
void deliver(const Work *w, double *sum, int64_t prefetch) {
    for (int64_t s = 0; s < w->steps; s++)
        for (int64_t r = 0; r < w->ranges; r++)
            for (int64_t j = w->first[s]; j < w->first[s + 1]; j++) {
                int64_t at = w->spikes[j] * w->ranges + r;
                int64_t k = w->rows[at], end = w->rows[at + 1];
                int64_t ahead = j + prefetch < w->first[s + 1] ? w->spikes[j + prefetch] * w->ranges + r : -1;
                if (prefetch && ahead >= 0)
                    for (int64_t q = w->rows[ahead]; q < w->rows[ahead + 1]; q += 64 / sizeof(TARGET)) {
                        __builtin_prefetch(w->target + q);
                        __builtin_prefetch(w->weight + q);
                    }
                for (; k + 8 <= end; k += 8) {
                    sum[w->target[k]] += VALUE(k);
                    sum[w->target[k + 1]] += VALUE(k + 1);
                    sum[w->target[k + 2]] += VALUE(k + 2);
                    sum[w->target[k + 3]] += VALUE(k + 3);
                    sum[w->target[k + 4]] += VALUE(k + 4);
                    sum[w->target[k + 5]] += VALUE(k + 5);
                    sum[w->target[k + 6]] += VALUE(k + 6);
                    sum[w->target[k + 7]] += VALUE(k + 7);
                }
                for (; k < end; k++) sum[w->target[k]] += VALUE(k);
            }
}

/* The same records read in the same order, eight bytes at a time, without the adds: the memory alone. */
static uint64_t words(const void *from, const void *to) {
    uint64_t total = 0, word;
    for (const char *p = from; p + 8 <= (const char *)to; p += 8) {
        memcpy(&word, p, 8);
        total += word;
    }
    return total;
}

uint64_t stream(const Work *w) {
    uint64_t total = 0;
    for (int64_t s = 0; s < w->steps; s++)
        for (int64_t j = w->first[s]; j < w->first[s + 1]; j++) {
            int64_t low = w->rows[w->spikes[j] * w->ranges], high = w->rows[(w->spikes[j] + 1) * w->ranges];
            total += words(w->target + low, w->target + high) + words(w->weight + low, w->weight + high);
        }
    return total;
}
