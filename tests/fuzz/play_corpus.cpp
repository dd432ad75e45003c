// Plays inputs that a fuzzer found worth keeping, where there is no libFuzzer: the files named on
// the command line, and those in the directories named there.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::vector<fs::path> inputs;
  for (int i = 1; i < argc; ++i) {
    if (fs::is_directory(argv[i]))
      std::copy(fs::directory_iterator{argv[i]}, {}, std::back_inserter(inputs));
    else inputs.emplace_back(argv[i]);
  }
  std::sort(inputs.begin(), inputs.end());
  for (const auto& path : inputs) {
    std::ifstream file{path, std::ios::binary};
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", path.c_str());
      return 2;
    }
    const std::vector<char> bytes{std::istreambuf_iterator<char>{file}, {}};
    // Printed before it is played: the last line says which one it was that crashed.
    std::printf("playing %s\n", path.filename().c_str());
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("played %zu inputs\n", inputs.size());
  return inputs.empty() ? 2 : 0;
}
