/* What a machine can do for the delivery of spikes over planes of bits: planes are streamed, eight at a time, and added
   to counters bit by bit. GCC's and clang's vectors, as wide as the machine's registers.

   words:  the planes; those of a tile of WORDS words stand together
   group:  for each group, where its eight planes begin in `words` (tile 0), and what leads to the next tile
   row:    which counter a plane of the group is added to, and how many rows beyond the third the carry may reach
   first:  step s delivers the groups first[s] .. first[s + 1] - 1
   sum:    receives the counts times a unit                                                                       */
#include <stdint.h>
#include <string.h>
#ifdef __AVX2__
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

#ifdef __AVX2__
/* Eight rows of 256 bits, turned: out[k] has a byte for each of the neurons 16 k + (0 .. 15), and of those 128 on. */
static inline void turn(const __m256i *rows, __m256i *out) {
    __m256i r[8], s[8];
    for (int k = 0; k < 8; k++) r[k] = rows[k];
    for (int step = 4; step; step >>= 1) { /* exchange the quarters of squares of 2 step by 2 step bits */
        __m256i kept = _mm256_set1_epi8(step == 4 ? 0x0f : step == 2 ? 0x33 : 0x55);
        for (int k = 0; k < 8; k++)
            if (!(k & step)) {
                __m256i moved = _mm256_and_si256(_mm256_xor_si256(_mm256_srli_epi64(r[k], step), r[k + step]), kept);
                r[k + step] = _mm256_xor_si256(r[k + step], moved);
                r[k] = _mm256_xor_si256(r[k], _mm256_slli_epi64(moved, step));
            }
    }
    for (int k = 0; k < 4; k++) {
        s[k] = _mm256_unpacklo_epi8(r[2 * k], r[2 * k + 1]);
        s[k + 4] = _mm256_unpackhi_epi8(r[2 * k], r[2 * k + 1]);
    }
    for (int k = 0; k < 4; k++) {
        r[k] = _mm256_unpacklo_epi16(s[2 * k], s[2 * k + 1]);
        r[k + 4] = _mm256_unpackhi_epi16(s[2 * k], s[2 * k + 1]);
    }
    for (int k = 0; k < 4; k++) {
        int to = (k & 1) << 2 | (k & 2); /* of which half the bytes came, then of which half the pairs */
        out[to] = _mm256_unpacklo_epi32(r[2 * k], r[2 * k + 1]);
        out[to + 1] = _mm256_unpackhi_epi32(r[2 * k], r[2 * k + 1]);
    }
}

static inline void give(__m128i numbers, __m256d unit, double *sum) {
    __m256d value = _mm256_cvtepi32_pd(_mm_cvtepi16_epi32(numbers));
    _mm256_storeu_pd(sum, _mm256_add_pd(_mm256_loadu_pd(sum), _mm256_mul_pd(unit, value)));
}

/* The counts of 256 neurons: rows 0 .. LEVELS - 1 less rows LEVELS .. 2 * LEVELS - 1, times a unit. */
static void expand(V counters[ROWS][WORDS / LANES], int64_t word, double unit, double *sum) {
    __m256i rows[16], low[8], high[8], borrow = _mm256_setzero_si256();
    for (int l = 0; l < LEVELS; l++) {
        __m256i p = _mm256_load_si256((const __m256i *)((const uint64_t *)counters[l] + word));
        __m256i m = _mm256_load_si256((const __m256i *)((const uint64_t *)counters[LEVELS + l] + word));
        __m256i either = _mm256_xor_si256(p, m);
        rows[l] = _mm256_xor_si256(either, borrow);
        borrow = _mm256_or_si256(_mm256_andnot_si256(p, m), _mm256_andnot_si256(either, borrow));
    }
    for (int l = LEVELS; l < 16; l++) rows[l] = borrow;
    turn(rows, low), turn(rows + 8, high);
    __m256d units = _mm256_set1_pd(unit);
    for (int k = 0; k < 8; k++)
        for (int half = 0; half < 2; half++) {
            __m256i both = half ? _mm256_unpackhi_epi8(low[k], high[k]) : _mm256_unpacklo_epi8(low[k], high[k]);
            __m128i lane[2] = {_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1)};
            for (int side = 0; side < 2; side++) {
                double *to = sum + 128 * side + 16 * k + 8 * half;
                give(lane[side], units, to), give(_mm_srli_si128(lane[side], 8), units, to + 4);
            }
        }
}
#else
static void expand(V counters[ROWS][WORDS / LANES], int64_t word, double unit, double *sum) {
    for (int64_t w = word; w < word + 4; w++, sum += 64) {
        int16_t counts[64] = {0};
        for (int side = 0; side < 2; side++)
            for (int l = 0; l < LEVELS; l++) {
                uint64_t bits = ((const uint64_t *)counters[side * LEVELS + l])[w];
                int16_t worth = (int16_t)((side ? -1 : 1) * (1 << l));
                for (int j = 0; j < 64; j++) counts[j] += (int16_t)(-(int16_t)(bits >> j & 1) & worth);
            }
        for (int j = 0; j < 64; j++) sum[j] += unit * counts[j];
    }
}
#endif

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
            for (int64_t word = 0; word < WORDS; word += 4) expand(counters, word, unit, sum + (t * WORDS + word) * 64);
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
