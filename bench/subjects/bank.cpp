// The bank of the examples: durable transfers a second, and what its journal would take without any
// messages.

#include "bank/ledger.hpp"
#include "clock.hpp"
#include "command.hpp"
#include "processes.hpp"
#include "subjects/subjects.hpp"

#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

namespace fs = std::filesystem;

constexpr unsigned tellers = 4;
constexpr std::uint64_t in_flight = 256;  // of each, as examples/bank/teller.cpp has it

std::uint64_t transfers_of(const effort& how) { return how.quick ? 50'000 : 400'000; }

figure rate_of(const char* subject) { return {subject, "throughput", 0, "transfers/s"}; }

sample measure_bank(const effort& how) {
  const fs::path program =
      fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "examples/bank";
  if (!fs::exists(program)) throw not_available{program.string() + " is not built"};
  const command_result run = run_command({program, "--transfers", std::to_string(transfers_of(how)),
                                          "--processes", std::to_string(tellers)},
                                         true);
  if (!WIFEXITED(run.status) || WEXITSTATUS(run.status) != 0)
    throw wrong_figure{"the bank is wrong: " + run.output};
  double seconds = 0;
  std::uint64_t transfers = 0, rate = 0;
  if (std::sscanf(run.output.c_str(), "%" SCNu64 " transfers in %lf s, %" SCNu64 " a second",
                  &transfers, &seconds, &rate) != 3 ||
      transfers != transfers_of(how))
    throw wrong_figure{"cannot read what the bank printed: " + run.output};
  return {{{rate_of("bank"), static_cast<double>(transfers) / seconds}}, false};
}

/// The same commits, by one loop: as many requests in each as can be in flight.
double run_journal(const effort& how) {
  const fs::path folder = fs::temp_directory_path() / ("hawser_bench." + std::to_string(getpid()));
  fs::create_directory(folder);
  const std::string path = folder / "bank.db";
  bank::journal::prepare(path, 1'000, 1'000'000);
  double rate = 0;
  {
    bank::ledger books{path};
    const std::uint64_t all = transfers_of(how) / tellers;
    const std::int64_t from = now_ns();
    std::uint32_t random = 1;
    const auto account = [&] { return (random = random * 1'664'525 + 1'013'904'223) >> 8; };
    for (std::uint64_t low = 0; low < all; low += in_flight) {
      for (std::uint64_t number = low; number < std::min(all, low + in_flight); ++number)
        for (std::uint64_t teller = 0; teller < tellers; ++teller)
          if (books.transfer({teller, number, low}, account() % 1'000, account() % 1'000, 1))
            throw wrong_figure{"a transfer was refused"};
      books.commit();
    }
    rate = static_cast<double>(all * tellers) / (static_cast<double>(now_ns() - from) / 1e9);
    if (books.applied() != all * tellers) throw wrong_figure{"not all were applied"};
  }
  fs::remove_all(folder);
  return rate;
}

sample measure_journal(const effort& how) {
  const shared<double> rate;
  run_processes({{"journal", anywhere, [&] { *rate = run_journal(how); }}});
  return {{{rate_of("sqlite.group_commit"), *rate}}, false};
}

}  // namespace

void add_bank(std::vector<measurement>& all) {
  all.push_back({"bank", group::patterns, measure_bank});
  all.push_back({"sqlite.group_commit", group::patterns, measure_journal});
}

}  // namespace hawser::bench
