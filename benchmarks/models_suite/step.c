/* What a machine can do for neurons that are all stepped in every step: their variables and inputs are read, the step is
   taken, with products and sums rounded one by one, and all are written, the inputs as 0. With SECOND there is a second
   current, with DIRECT no current at all, and the input reaches v. Returns how many neurons were over threshold. */
#include <stdint.h>

typedef struct {
    double alpha, alpha2, beta, bias, theta;
} Neuron;

int64_t step(double *restrict u, double *restrict u2, double *restrict v, double *restrict in, double *restrict in2,
             const Neuron *of, int64_t neurons, int64_t steps) {
    Neuron p = *of;
    int64_t over = 0;
    for (int64_t t = 0; t < steps; t++)
        for (int64_t i = 0; i < neurons; i++) {
#ifdef DIRECT
            double x = p.beta * v[i] + p.bias + in[i];
#else
            u[i] = p.alpha * u[i] + in[i];
            double x = p.beta * v[i] + u[i];
#endif
            in[i] = 0.0;
#ifdef SECOND
            u2[i] = p.alpha2 * u2[i] + in2[i];
            in2[i] = 0.0;
            x += u2[i];
#endif
#ifndef DIRECT
            x += p.bias;
#endif
            v[i] = x;
            over += x > p.theta;
        }
    return over;
}
