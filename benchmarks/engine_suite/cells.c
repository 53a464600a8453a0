/* What a machine can do for a large population in which few neurons get input: step neurons whose state stays in
   registers meanwhile, and visit neurons at scattered places.

   Compile without contraction of a product and a sum, which would give other bits.                                */
#include <stdint.h>

#ifdef __AVX512F__
#define LANES 8
#else
#define LANES 4
#endif
#define VECTORS 6 /* of u and of v each, so that a step of some fills the wait for the others */
typedef double V __attribute__((vector_size(8 * LANES), aligned(8)));

/* `steps` steps of `neurons` neurons (a multiple of LANES * VECTORS) without input: u = alpha u, v = beta v + u. */
void step(double *u, double *v, int64_t neurons, int64_t steps, double alpha, double beta) {
    for (int64_t first = 0; first < neurons; first += LANES * VECTORS) {
        V a[VECTORS], b[VECTORS];
        for (int k = 0; k < VECTORS; k++) {
            a[k] = *(V *)(u + first + LANES * k);
            b[k] = *(V *)(v + first + LANES * k);
        }
        for (int64_t s = 0; s < steps; s++)
            for (int k = 0; k < VECTORS; k++) {
                a[k] *= alpha;
                b[k] = b[k] * beta + a[k];
            }
        for (int k = 0; k < VECTORS; k++) {
            *(V *)(u + first + LANES * k) = a[k];
            *(V *)(v + first + LANES * k) = b[k];
        }
    }
}

/* Add to the input of the neurons of `events` events, 32 bytes each, which are asked for `ahead` events before. */
void visit(double *cells, const uint32_t *order, int64_t events, int64_t ahead) {
    for (int64_t k = 0; k < events; k++) {
        if (ahead && k + ahead < events) __builtin_prefetch(cells + 4 * (int64_t)order[k + ahead], 1);
        cells[4 * (int64_t)order[k] + 2] += 1.0;
    }
}
