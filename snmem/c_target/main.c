/* Runs the network on a computer: ./network STEPS < input > output
 *
 * Input: for each step, for each input, its spikes as network_spikes has them, words of 32 bits, lowest byte first.
 * Output: the same for each population. Ends with 1 if the input ends early or the output cannot be written.
 */
#include "network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const uint32_t inputs = NETWORK_INPUTS; /* may be 0 */

static int fail(const char *what)
{
    (void)fprintf(stderr, "network: %s\n", what);
    return EXIT_FAILURE;
}

static int read_input(uint32_t input)
{
    uint32_t words = (network_sizes[input] + 31) / 32, word, bit;
    unsigned char bytes[4];
    for (word = 0; word < words; word++) {
        if (fread(bytes, 1, 4, stdin) != 4)
            return -1;
        for (bit = 0; bit < 32; bit++)
            if (bytes[bit / 8] >> bit % 8 & 1)
                (void)network_input(input, word * 32 + bit);
    }
    return 0;
}

static int write_spikes(uint32_t source)
{
    uint32_t words = (network_sizes[source] + 31) / 32, word;
    const uint32_t *spikes = network_spikes(source);
    for (word = 0; word < words; word++) {
        unsigned char bytes[4] = {(unsigned char)(spikes[word] & 255), (unsigned char)(spikes[word] >> 8 & 255),
                                  (unsigned char)(spikes[word] >> 16 & 255), (unsigned char)(spikes[word] >> 24)};
        if (fwrite(bytes, 1, 4, stdout) != 4)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    unsigned long long steps, t;
    uint32_t i;
    if (argc != 2)
        return fail("usage: network STEPS < input > output");
    errno = 0;
    steps = strtoull(argv[1], &end, 10);
    if (errno || end == argv[1] || *end || argv[1][0] == '-')
        return fail("STEPS must be a whole number");
    network_reset();
    for (t = 0; t < steps; t++) {
        for (i = 0; i < inputs; i++)
            if (read_input(i))
                return fail("the input ends early");
        network_step();
        for (i = inputs; i < NETWORK_SOURCES; i++)
            if (write_spikes(i))
                return fail("the output cannot be written");
    }
    return fflush(stdout) ? fail("the output cannot be written") : EXIT_SUCCESS;
}
