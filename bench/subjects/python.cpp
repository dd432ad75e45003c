#include "subjects/python.hpp"

#include "command.hpp"
#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"

#include <sstream>
#include <string>
#include <vector>

namespace hawser::bench {

std::vector<std::pair<std::string, double>> run_python(const std::string& script,
                                                       const std::vector<std::string>& arguments) {
  std::vector<std::string> words{"python3", HAWSER_BENCH_DIR "/peers/" + script};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const command_result run = run_command(words, true);
  if (run.status == 127 << 8) throw not_available{"python3 is not installed"};
  if (run.status != 0) throw wrong_figure{script + " failed: " + run.output};
  std::vector<std::pair<std::string, double>> all;
  std::istringstream lines{run.output};
  std::string name;
  for (double amount = 0; lines >> name >> amount;) all.emplace_back(name, amount);
  if (all.empty() || !lines.eof()) throw wrong_figure{script + " printed: " + run.output};
  return all;
}

namespace {

sample measure_throughput_of(const std::string& kind, std::size_t bytes, const effort& how) {
  // Longer than the others', for what it takes to get going.
  const auto figures = run_python(
      "channels.py", {kind, "throughput", std::to_string(bytes), how.quick ? "30" : "60"});
  const double rate = figures.at(0).second;
  const bool large = bytes >= 65'536;
  return {{{{"python." + kind, "throughput", bytes, large ? "GB/s" : "Mmsg/s"},
            large ? rate * static_cast<double>(bytes) / 1e9 : rate / 1e6}},
          false};
}

sample measure_blocking(const std::string& kind, const effort& how) {
  sample result;
  for (const auto& [name, us] :
       run_python("channels.py", {kind, "blocking", how.quick ? "500" : "1000"}))
    result.values.push_back({{"python." + kind, name, sizeof(payload), "us"}, us});
  return result;
}

sample measure_semaphore(const effort& how) {
  const auto figures =
      run_python("channels.py", {"semaphore", "op", how.quick ? "100000" : "300000"});
  return {{{{"python.semaphore", "op", 0, "ns"}, figures.at(0).second}}, false};
}

}  // namespace

void add_python(std::vector<measurement>& all) {
  for (const std::string kind : {"queue", "pipe"}) {
    const std::string subject = "python." + kind;
    for (const std::size_t bytes : {8U, 64U, 1'024U, 65'536U, 1'048'576U})
      all.push_back({subject, throughput_group(bytes),
                     [=](const effort& how) { return measure_throughput_of(kind, bytes, how); }});
    all.push_back(
        {subject, group::blocking, [=](const effort& how) { return measure_blocking(kind, how); }});
  }
  all.push_back({"python.semaphore", group::op, measure_semaphore});
}

}  // namespace hawser::bench
