// Which of the compiled loops is used.
#include <string>

#include "../../../csrc/common/isa.h"
#include "check.h"

using namespace inpaintx;

TEST(the_loops_in_use_run_here) {
  for (const cpu::Bound bound : {cpu::Bound::memory, cpu::Bound::arithmetic}) {
    CHECK(cpu::runs_here(cpu::isa_for(bound)));
  }
  CHECK(cpu::isa_for(cpu::Bound::memory) <= cpu::isa_for(cpu::Bound::arithmetic));
}

TEST(every_instruction_set_has_a_name_of_its_own) {
  std::string names = ",";
  for (const cpu::Isa isa : cpu::kIsas) {
    const std::string name = std::string(cpu::name_of(isa)) + ",";
    CHECK(names.find("," + name) == std::string::npos, name);
    names += name;
  }
}
