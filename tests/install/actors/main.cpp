#include <hawser/actors/process.hpp>

using namespace hawser;

int half(int number) { return number / 2; }
HAWSER_PROCESS(half);

int main(int argc, char** argv) {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;
  return actors::process::spawn(half, 84).join().code() == 42 ? 0 : 1;
}
