/// main() of the tests that start processes: children first, and the mains that tests ask for.
#include "process_support.hpp"
#include <hawser/actors/process.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <string_view>

#include <unistd.h>

int main(int argc, char** argv) {
  const char* wanted = std::getenv("HAWSER_TEST_MAIN");
  const std::string_view main_kind = wanted != nullptr ? wanted : "";
  const bool is_child = argc > 1 && std::string_view{argv[1]}.starts_with("--hawser");
  if (is_child && main_kind == "leaves early") return 7;
  if (is_child && main_kind == "is killed") return raise(SIGKILL);
  if (is_child && main_kind == "never arrives")
    for (;;) pause();

  if (auto status = hawser::actors::run_as_child(argc, argv)) return *status;
  if (main_kind == "deletes itself") {
    unlink(argv[0]);
    unsetenv("HAWSER_TEST_MAIN");
    return hawser::actors::process::spawn("return_code", 42).join().code().value_or(1);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
