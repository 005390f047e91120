#ifndef e2e_tests_expect_h
#define e2e_tests_expect_h
#include <cstdio>
#include <cstdlib>

/// Ends the program, naming the condition that does not hold.
#define EXPECT(condition)                                                           \
  do {                                                                              \
    if (!(condition)) {                                                             \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                 \
    }                                                                               \
  } while (false)

#endif
