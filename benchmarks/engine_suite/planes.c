/* What a machine can do for the delivery of spikes over planes of bits: planes are streamed, eight at a time, and added
   to counters bit by bit. GCC's and clang's vectors, as wide as the machine's registers.

   words:  the planes; those of a tile of WORDS words stand together
   group:  for each group, where its eight planes begin in `words` (tile 0), and what leads to the next tile
   row:    which counter a plane of the group is added to, and how many rows beyond the third the carry may reach
   first:  step s delivers the groups first[s] .. first[s + 1] - 1
   sum:    receives the counts times a unit                                                                       */
#include <stdint.h>
#include <string.h>
#ifdef __AVX512BW__
#include <immintrin.h>
#endif

#define WORDS 40
#define LEVELS 14
#define ROWS (2 * LEVELS + 3)
#ifdef __AVX512F__
#define LANES 8
#else
#define LANES 4
#endif
typedef uint64_t V __attribute__((vector_size(8 * LANES)));
typedef int16_t S __attribute__((vector_size(32)));
static const S BIT = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, -32768};

typedef struct {
    const uint64_t *words;
    const int64_t *group;   /* (groups, 16): eight places, eight strides */
    const int64_t *row;     /* (groups, 2) */
    const int64_t *first;
    int64_t steps, tiles;
} Planes;

static inline void add(V *a, V b, V c, V *carry) {
    V either = *a ^ b;
    *carry = (*a & b) | (either & c);
    *a = either ^ c;
}

/* The counts of 64 neurons: rows 0 .. LEVELS - 1 less rows LEVELS .. 2 * LEVELS - 1, times a unit. */
static void expand(V counters[ROWS][WORDS / LANES], int64_t word, double unit, double *sum) {
    int16_t counts[64] __attribute__((aligned(64))) = {0};
    for (int side = 0; side < 2; side++)
        for (int l = 0; l < LEVELS; l++) {
            uint64_t bits = ((const uint64_t *)counters[side * LEVELS + l])[word];
            int16_t worth = (int16_t)((side ? -1 : 1) * (1 << l));
#ifdef __AVX512BW__
            for (int h = 0; h < 2; h++) {
                __m512i *c = (__m512i *)(counts + 32 * h), old = _mm512_loadu_si512(c);
                __mmask32 m = (__mmask32)(bits >> 32 * h);
                _mm512_storeu_si512(c, _mm512_mask_add_epi16(old, m, old, _mm512_set1_epi16(worth)));
            }
#else
            for (int h = 0; h < 4; h++) {
                S set = ((int16_t)(bits >> 16 * h) + (S){0}) & BIT;
                S *c = (S *)(counts + 16 * h);
                *c += (set == BIT) & (worth + (S){0});
            }
#endif
        }
    for (int j = 0; j < 64; j++) sum[j] += unit * counts[j];
}

void count(const Planes *p, double unit, double *sum, int64_t ahead) {
    V counters[ROWS][WORDS / LANES];
    for (int64_t s = 0; s < p->steps; s++)
        for (int64_t t = 0; t < p->tiles; t++) {
            memset(counters, 0, sizeof counters);
            for (int64_t g = p->first[s]; g < p->first[s + 1]; g++) {
                const int64_t *at = p->group + 16 * g, *then = at;
                int64_t tile = t, row = p->row[2 * g], up = p->row[2 * g + 1];
                if (ahead && g + ahead < p->first[s + 1]) then = at + 16 * ahead;
                else if (ahead && t + 1 < p->tiles && g + ahead - p->first[s + 1] < p->first[s + 1] - p->first[s])
                    then = p->group + 16 * (p->first[s] + g + ahead - p->first[s + 1]), tile = t + 1;
                for (int64_t k = 0; k < WORDS / LANES; k++) {
                    V m[8], one = counters[row][k], two = counters[row + 1][k], four = counters[row + 2][k];
                    V a, b, c, d, e;
                    for (int j = 0; j < 8; j++) {
                        if (then != at && LANES * k % 8 == 0)  /* once for 64 bytes */
                            __builtin_prefetch(p->words + then[j] + then[8 + j] * tile + LANES * k);
                        m[j] = *(const V *)(p->words + at[j] + at[8 + j] * t + LANES * k);
                    }
                    add(&one, m[0], m[1], &a), add(&one, m[2], m[3], &b), add(&two, a, b, &c);
                    add(&one, m[4], m[5], &a), add(&one, m[6], m[7], &b), add(&two, a, b, &d);
                    add(&four, c, d, &e);
                    counters[row][k] = one, counters[row + 1][k] = two, counters[row + 2][k] = four;
                    for (int64_t l = row + 3; l < row + 3 + up; l++) {
                        V old = counters[l][k];
                        counters[l][k] = old ^ e;
                        e &= old;
                    }
                }
            }
            for (int64_t word = 0; word < WORDS; word++) expand(counters, word, unit, sum + (t * WORDS + word) * 64);
        }
}

/* The same planes read in the same order, without the adds: the memory alone. */
uint64_t stream(const Planes *p, int64_t ahead) {
    V total = {0};
    for (int64_t s = 0; s < p->steps; s++)
        for (int64_t t = 0; t < p->tiles; t++)
            for (int64_t g = p->first[s]; g < p->first[s + 1]; g++) {
                const int64_t *at = p->group + 16 * g;
                const int64_t *then = g + ahead < p->first[s + 1] ? at + 16 * ahead : at;
                for (int64_t k = 0; k < WORDS / LANES; k++)
                    for (int j = 0; j < 8; j++) {
                        __builtin_prefetch(p->words + then[j] + then[8 + j] * t + LANES * k);
                        total |= *(const V *)(p->words + at[j] + at[8 + j] * t + LANES * k);
                    }
            }
    uint64_t out = 0;
    for (int j = 0; j < LANES; j++) out |= total[j];
    return out;
}
