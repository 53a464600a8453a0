/* A spiking network in Loihi's fixed-point arithmetic: no heap, no floating point, no library.
 *
 *     network_reset();
 *     for (;;) {
 *         network_input(0, 17);                  spikes of this step, in any order
 *         network_step();
 *         if (network_spiked(2, 5)) ...          population 2, neuron 5
 *     }
 *
 * Sources are numbered: the inputs first, then the populations (network_names says which is which).
 * What a step does is written in network_step of network.c.
 */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdint.h>

#include "network_sizes.h" /* NETWORK_INPUTS, NETWORK_SOURCES, NETWORK_POPULATIONS, sum_t */

/* Names and sizes of the sources. */
extern const char *const network_names[NETWORK_SOURCES];
extern const uint32_t network_sizes[NETWORK_SOURCES];

/* Begin again: no spikes on their way, u and v as at the start. Call it once before the first step. */
void network_reset(void);

/* A spike of line `line` of input `input` in the coming step. Returns 0, or -1 if there is no such line. */
int network_input(uint32_t input, uint32_t line);

/* One step. */
void network_step(void);

/* Whether a neuron or line spiked in the last step; -1 if there is no such one. */
int network_spiked(uint32_t source, uint32_t neuron);

/* Spikes of the last step, a bit each, 32 to a word, the first in the lowest bit; null if there is no such source. */
const uint32_t *network_spikes(uint32_t source);

/* Membrane potential after the last step, 64 times the weight unit; 0 if there is no such neuron. */
int32_t network_v(uint32_t source, uint32_t neuron);

#endif
