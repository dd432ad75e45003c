#include "mutants.hpp"

#include <cstdio>

namespace hawser::test {

int run_mutants(const std::string&) {
  std::fputs("killpoints: this build has no mutants; use tools/killpoints --mutants\n", stderr);
  return 2;
}

}  // namespace hawser::test
