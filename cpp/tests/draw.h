#ifndef e2e_tests_draw_h
#define e2e_tests_draw_h
// Input of any kind for the fuzzers.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>

#include "e2e/detid.h"

namespace e2e::tests {

using Random = std::mt19937;

inline int below(Random& random, int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random); }

inline std::uint32_t drawId(Random& random) {
  const int ieta = (below(random, 2) ? 1 : -1) * (1 + below(random, 90));
  switch (below(random, 8)) {
    case 0:
      return random();
    case 1:
      return 3u << 28 | 1u << 25 | (random() & 0x1ffff);  // any barrel bits
    case 2:
      return pack(EndcapCrystal{below(random, 102), below(random, 102), below(random, 2) * 2 - 1});
    case 3:
    case 4:
      return pack(static_cast<Subdetector>(3 + below(random, 4)),
                  {ieta % 43, below(random, 75), below(random, 8)}, below(random, 2));
    default:
      return pack(BarrelCrystal{ieta, below(random, 365)});
  }
}

inline float drawNumber(Random& random) {
  static const float kSpecial[] = {0.f,
                                   -0.f,
                                   1e4f,
                                   -1e4f,
                                   1.0001e4f,
                                   std::numeric_limits<float>::quiet_NaN(),
                                   std::numeric_limits<float>::infinity(),
                                   -std::numeric_limits<float>::infinity(),
                                   std::numeric_limits<float>::max(),
                                   std::numeric_limits<float>::denorm_min()};
  switch (below(random, 6)) {
    case 0:
      return kSpecial[below(random, std::size(kSpecial))];
    case 1: {
      const std::uint32_t bits = random();
      float number;
      std::memcpy(&number, &bits, sizeof number);
      return number;
    }
    case 2:
      return static_cast<float>(below(random, 4));  // ties
    default:
      return std::exponential_distribution<float>(1)(random);
  }
}

}  // namespace e2e::tests

#endif
