// A whole system of processes over every kind of channel, killed at random for as long as one
// likes, against an independent ledger. tools/soak builds and starts it.
//
//   soak [--seconds S] [--workers N] [--seed X]
//
// Closes with "soak: K kills, C committed, L lost, D duplicated after ack, X corrupt, P leaked".
// Exit status: 0 if L, D, X and P are 0 and nobody hung; 1 if not; 130 after Ctrl-C, when it had
// been right so far.

#include "crew.hpp"
#include "part.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include <unistd.h>

namespace {

volatile std::sig_atomic_t interrupted = 0;

std::size_t files_left(const std::string& name) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/dev/shm"})
    if (entry.path().filename().string().find(name) != std::string::npos) {
      ++count;
      std::filesystem::remove(entry.path());
    }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace hawser::test;

  CLI::App app{"Kills processes at random while they use every channel, and checks a ledger."};
  std::size_t seconds = 10, workers = 4;
  std::uint32_t seed = std::random_device{}();
  app.add_option("--seconds", seconds, "For how long")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{86'400}));
  app.add_option("--workers", workers, "How many processes are killed and started anew")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{2}, std::size_t{64}));
  app.add_option("--seed", seed, "Of the random choices");
  CLI11_PARSE(app, argc, argv);

  struct sigaction on_interrupt {};
  on_interrupt.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &on_interrupt, nullptr);
  sigaction(SIGTERM, &on_interrupt, nullptr);

  const std::string name = "soak." + std::to_string(getpid());
  std::printf("soak: seed %u, %zu workers, %zu s\n", seed, workers, seconds);
  std::fflush(stdout);
  soak_book book;
  soak_crew crew{book, soak_parts({book, name, workers, seconds}), workers, seed};
  std::string failure;
  std::uint64_t kills = 0;
  try {
    kills = crew.run(std::chrono::seconds{seconds}, [] { return interrupted != 0; });
  } catch (const std::exception& e) {
    failure = e.what();
  }
  crew.end();
  const std::size_t left = files_left(name);
  book.add(soak_book::wrong::leaked, left, "files are left in /dev/shm");

  using wrong = soak_book::wrong;
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  if (!failure.empty()) std::printf("soak: FAILED: %s\n", failure.c_str());
  if (!book.clean()) std::printf("soak: first of all: %s\n", book.first_words().c_str());
  std::printf("soak: committed: %s\n", book.committed_by_channel().c_str());
  std::printf(
      "soak: %llu kills, %llu committed, %llu lost, %llu duplicated after ack, %llu corrupt, "
      "%llu leaked\n",
      number(kills), number(book.committed_count()), number(book.count(wrong::lost)),
      number(book.count(wrong::duplicated)), number(book.count(wrong::corrupt)),
      number(book.count(wrong::leaked)));
  if (!failure.empty() || !book.clean()) return 1;
  return interrupted != 0 ? 130 : 0;
}
