// IEEE half precision for the shim, rounded to nearest, ties to even.
#pragma once

#include <cmath>
#include <cstdint>

struct __half {
  std::uint16_t bits;
};

inline float __half2float(__half value) {
  const int exponent = (value.bits >> 10) & 31;
  const int fraction = value.bits & 1023;
  float magnitude;
  if (exponent == 31) {
    magnitude = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  }
  return (value.bits & 0x8000) != 0 ? -magnitude : magnitude;
}

inline __half __float2half_rn(float value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) {
    return {0x7fff};
  }
  const float magnitude = std::fabs(value);
  if (magnitude >= 65520.0f) {
    return {static_cast<std::uint16_t>(sign | 0x7c00)};
  }
  if (magnitude == 0.0f) {
    return {sign};
  }
  // Multiples of one unit in the last place; below 2^-14 the unit stays 2^-24. A carry out of the fraction runs on
  // into the exponent, which is what rounding up to the next power of two means.
  const int exponent = std::fmax(std::ilogb(magnitude), -14);
  const int units = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  return {static_cast<std::uint16_t>(sign | (((exponent + 14) << 10) + units))};
}
