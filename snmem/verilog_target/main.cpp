// Runs the network in Verilator: ./network STEPS < input > output, as main.c of the C program reads and writes.
// The last line on standard error: clocks of all steps, of the longest step, and of all spikes that came in.
#include "Vnetwork.h"
#include "network_words.h"
#include "verilated.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

static Vnetwork *top;
static std::vector<uint32_t> spikes(NETWORK_WORDS);

static void tick()
{
    top->clock = 0;
    top->eval();
    if (top->out_valid && top->out_ready)
        spikes[top->out_address >> 5] |= UINT32_C(1) << (top->out_address & 31);
    top->clock = 1;
    top->eval();
}

static int fail(const char *what)
{
    std::fprintf(stderr, "network: %s\n", what);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    unsigned long long steps = argc == 2 ? std::strtoull(argv[1], nullptr, 10) : 0;
    unsigned long long all = 0, most = 0, came = 0;
    if (argc != 2)
        return fail("usage: network STEPS < input > output");
    top = new Vnetwork;
    top->reset = 1;
    tick();
    top->reset = 0;
    while (!top->ready)
        tick();
    for (unsigned long long t = 0; t < steps; t++) {
        for (uint32_t word = 0; word < NETWORK_INPUT_WORDS; word++) {
            unsigned char bytes[4];
            if (std::fread(bytes, 1, 4, stdin) != 4)
                return fail("the input ends early");
            for (uint32_t bit = 0; bit < 32; bit++)
                if (bytes[bit / 8] >> bit % 8 & 1) {
                    top->in_valid = 1;
                    top->in_address = word * 32 + bit;
                    for (tick(), came++; !top->in_ready; came++) {
                        top->in_valid = 0;
                        tick();
                    }
                }
            top->in_valid = 0;
        }
        spikes.assign(NETWORK_WORDS, 0);
        unsigned long long clocks = 0;
        for (top->go = 1; clocks == 0 || !top->ready; clocks++) {
            top->out_ready = (clocks & 3) != 3; // a receiver that is not always ready
            tick();
            top->go = 0;
        }
        all += clocks;
        most = clocks > most ? clocks : most;
        for (uint32_t word = NETWORK_INPUT_WORDS; word < NETWORK_WORDS; word++) {
            unsigned char bytes[4];
            for (int i = 0; i < 4; i++)
                bytes[i] = static_cast<unsigned char>(spikes[word] >> 8 * i & 255);
            if (std::fwrite(bytes, 1, 4, stdout) != 4)
                return fail("the output cannot be written");
        }
    }
    std::fprintf(stderr, "%llu %llu %llu\n", all, most, came);
    delete top;
    return std::fflush(stdout) ? fail("the output cannot be written") : EXIT_SUCCESS;
}
