// Scalar functions that emitted kernels call: what the scalar instruction set lacks.
#include <cmath>

extern "C" {

float kd_fmaf(float a, float b, float c) { return std::fma(a, b, c); }
double kd_fma(double a, double b, double c) { return std::fma(a, b, c); }
}
