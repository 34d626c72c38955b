// The faults that are put into the ops' sources: each place that may be wrong asks here whether it is now. All faults
// of an op are compiled into one program, and INPAINTX_FAULT=<number> turns one of them on: none else costs a build.
//
// What is worked out at compile time, a template's argument or the size of an array, asks FAULT instead, which is that
// number for a build of its own.
#pragma once

#include <type_traits>
#include <utility>

#ifndef FAULT
#define FAULT 0
#endif

namespace fault {

extern int active;  // 0: none; below: count which are asked for

// Counts the question, or ends the program with the one that there must be an end to. Gives whether this is the fault.
bool asked(int number);

// Not shared by the instruction sets' files: common/isa.h says why.
namespace {

#define FAULT_FN [[maybe_unused]] inline constexpr __attribute__((always_inline))

FAULT_FN bool on(int number) {
  return __builtin_is_constant_evaluated() ? number == FAULT
                                           : __builtin_expect(active == number || active < 0, 0) && asked(number);
}

#define FAULT_BINARY(name, right, wrong)                   \
  template <class A, class B>                              \
  FAULT_FN auto name(int number, const A& a, const B& b) { \
    return on(number) ? a wrong b : a right b;             \
  }
FAULT_BINARY(less, <, <=)
FAULT_BINARY(less_equal, <=, <)
FAULT_BINARY(greater, >, >=)
FAULT_BINARY(greater_equal, >=, >)
FAULT_BINARY(equal, ==, !=)
FAULT_BINARY(not_equal, !=, ==)
FAULT_BINARY(subtract, -, +)
FAULT_BINARY(multiply, *, +)
FAULT_BINARY(remainder, %, /)
FAULT_BINARY(shift_left, <<, >>)
FAULT_BINARY(shift_right, >>, <<)
FAULT_BINARY(bit_and, &, |)
FAULT_BINARY(bit_or, |, &)
FAULT_BINARY(bit_xor, ^, |)
#undef FAULT_BINARY

template <class A, class B, class = void>
struct Integers : std::false_type {};
template <class A, class B>
struct Integers<A, B, std::void_t<decltype(std::declval<A>() % std::declval<B>())>> : std::true_type {};

template <class A, class B>
FAULT_FN auto divide(int number, const A& a, const B& b) {
  if constexpr (Integers<A, B>::value) {
    return on(number) ? a % b : a / b;
  } else {
    return on(number) ? a * b : a / b;
  }
}

// Pointers are moved, not added.
template <class A, class B>
FAULT_FN auto add(int number, const A& a, const B& b) {
  if constexpr (std::is_pointer_v<B>) {
    return on(number) ? b - a : a + b;
  } else {
    return on(number) ? a - b : a + b;
  }
}

template <class A>
FAULT_FN auto negate(int number, const A& a) {
  return on(number) ? a : -a;
}

#define FAULT_ASSIGNMENT(name, right, wrong)       \
  template <class A, class B>                      \
  FAULT_FN A& name(int number, A& a, const B& b) { \
    return on(number) ? a wrong b : a right b;     \
  }
FAULT_ASSIGNMENT(add_to, +=, -=)
FAULT_ASSIGNMENT(take_from, -=, +=)
FAULT_ASSIGNMENT(multiply_by, *=, +=)
FAULT_ASSIGNMENT(divide_by, /=, *=)
#undef FAULT_ASSIGNMENT

}  // namespace

}  // namespace fault

#if defined(FAULTS_ARE_COUNTED_HERE)

#include <cstdio>
#include <cstdlib>

namespace fault {

namespace {

// INPAINTX_FAULT=17 turns on fault 17; INPAINTX_FAULT=17:5000 for so many times that it is asked for, then the run
// ends; INPAINTX_FAULT=-100 counts how often each below 100 is asked for, into the file INPAINTX_FAULT_COUNTS.
struct State {
  long left = -1;
  long* counts = nullptr;
  int number;

  State() : number(0) {
    const char* text = std::getenv("INPAINTX_FAULT");
    if (!text) return;
    char* end;
    number = static_cast<int>(std::strtol(text, &end, 10));
    if (*end == ':') left = std::strtol(end + 1, nullptr, 10);
    if (number < 0) counts = static_cast<long*>(std::calloc(-number, sizeof(long)));
  }

  ~State() {
    if (!counts) return;
    std::FILE* file = std::fopen(std::getenv("INPAINTX_FAULT_COUNTS"), "w");
    for (int i = 0; i < -number; ++i) std::fprintf(file, "%ld\n", counts[i]);
    std::fclose(file);
    std::free(counts);
  }
} state;

}  // namespace

int active = state.number;

bool asked(int number) {
  if (active < 0) {
    ++state.counts[number];
    return false;
  }
  if (state.left >= 0 && state.left-- == 0) {
    std::puts("fault: without end");
    std::_Exit(3);
  }
  return true;
}

}  // namespace fault

#endif
