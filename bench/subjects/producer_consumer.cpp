#include "command.hpp"
#include "subjects/subjects.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

namespace fs = std::filesystem;

/// What both programs count.
struct totals {
  std::uint64_t files = 0, lines = 0, words = 0, bytes = 0;
  friend bool operator==(const totals&, const totals&) = default;
};

std::string to_text(const totals& t) {
  return fmt::format("{} files {} lines {} words {} bytes", t.files, t.lines, t.words, t.bytes);
}

int processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}

std::vector<std::string> counted_paths() {
  std::vector<std::string> paths;
  for (const char* path : {"/usr/include", "/usr/share/doc"})
    if (fs::is_directory(path)) paths.emplace_back(path);
  if (paths.empty()) throw not_available{"neither /usr/include nor /usr/share/doc is here"};
  return paths;
}

/// find PATH... -type f -print0 | xargs -0 -P N -n 64 wc
std::vector<std::string> xargs_wc(int processes) {
  std::vector<std::string> argv{
      "sh", "-c", "n=$1; shift; find \"$@\" -type f -print0 | xargs -0 -P \"$n\" -n 64 wc", "sh",
      std::to_string(processes)};
  for (const std::string& path : counted_paths()) argv.push_back(path);
  return argv;
}

/// What wc says, one process after the other, so that no lines mix. Also warms the cache.
const totals& reference() {
  static const totals counted = [] {
    const command_result run = run_command(xargs_wc(1), true);
    if (run.status != 0) throw not_available{"find, xargs and wc failed, or may not read a file"};
    totals sum;
    std::istringstream lines{run.output};
    for (std::string line; std::getline(lines, line);) {
      totals file;
      int name = 0;
      if (std::sscanf(line.c_str(), "%" SCNu64 "%" SCNu64 "%" SCNu64 " %n", &file.lines,
                      &file.words, &file.bytes, &name) != 3 ||
          name == 0)
        throw wrong_figure{"cannot read what wc printed: " + line};
      // The totals of 64 files each; a file's name starts with a slash.
      if (line.compare(static_cast<std::size_t>(name), std::string::npos, "total") == 0) continue;
      sum = {sum.files + 1, sum.lines + file.lines, sum.words + file.words, sum.bytes + file.bytes};
    }
    return sum;
  }();
  return counted;
}

sample measure_xargs_wc(const effort&) {
  reference();
  const command_result run = run_command(xargs_wc(processors()), false);
  if (run.status != 0) throw wrong_figure{"xargs wc failed"};
  return {{{{"xargs.wc", "wall", 0, "s"}, run.seconds}}, false};
}

totals parse_totals(const std::string& output) {
  const auto at = output.rfind("total ");
  totals t;
  if (at == std::string::npos ||
      std::sscanf(output.c_str() + at,
                  "total %" SCNu64 " files %" SCNu64 " lines %" SCNu64 " words %" SCNu64 " bytes",
                  &t.files, &t.lines, &t.words, &t.bytes) != 4)
    throw wrong_figure{"no total in the output: " + output};
  return t;
}

std::string program() {
  const fs::path path =
      fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "examples/producer_consumer";
  if (!fs::exists(path)) throw not_available{path.string() + " is not built"};
  return path;
}

command_result run_producer_consumer(const std::vector<std::string>& paths) {
  std::vector<std::string> argv{program(), "--quiet", "--consumers", std::to_string(processors())};
  argv.insert(argv.end(), paths.begin(), paths.end());
  command_result run = run_command(argv, true);
  if (run.status != 0)
    throw wrong_figure{WIFEXITED(run.status)
                           ? "exit status " + std::to_string(WEXITSTATUS(run.status))
                           : "killed by signal " + std::to_string(WTERMSIG(run.status))};
  return run;
}

/// Files that nobody finishes counting: a tebibyte each, without a block on the disk.
class endless_files {
 public:
  endless_files()
      : folder_(fs::temp_directory_path() / ("hawser_bench." + std::to_string(getpid()))) {
    fs::create_directory(folder_);
    for (int i = 0; i < 8; ++i) {
      std::ofstream{folder_ / std::to_string(i)};
      std::error_code failed;
      fs::resize_file(folder_ / std::to_string(i), std::uintmax_t{1} << 40, failed);
      if (failed) throw not_available{"no sparse files in " + folder_.string()};
    }
  }
  endless_files(const endless_files&) = delete;
  endless_files& operator=(const endless_files&) = delete;
  ~endless_files() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string folder() const { return folder_; }

 private:
  fs::path folder_;
};

/// Ctrl-C while every consumer is in the middle of a file.
sample measure_stop(const effort&) {
  const endless_files files;
  const command_result run = run_command({program(), "--consumers", "4", files.folder()}, true,
                                         std::chrono::milliseconds{300});
  if (!WIFEXITED(run.status) || WEXITSTATUS(run.status) != 130 ||
      run.output.find("stopped by signal 2") == std::string::npos)
    throw wrong_figure{"it did not stop as it should: " + run.output};
  return {{{{"producer_consumer", "stop", 0, "ms"}, run.seconds_to_stop * 1e3}}, false};
}

sample measure_producer_consumer(const effort&) {
  const totals& expected = reference();
  const command_result run = run_producer_consumer(counted_paths());
  const totals counted = parse_totals(run.output);
  if (!(counted == expected))
    throw wrong_figure{"counted " + to_text(counted) + "; wc counts " + to_text(expected)};
  const command_result one_file =
      run_producer_consumer({fs::read_symlink("/proc/self/exe").string()});
  return {{{{"producer_consumer", "wall", 0, "s"}, run.seconds},
           {{"producer_consumer", "memory", 0, "MB"}, run.peak_megabytes},
           {{"producer_consumer.one_file", "memory", 0, "MB"}, one_file.peak_megabytes}},
          false};
}

}  // namespace

void add_producer_consumer(std::vector<measurement>& all) {
  all.push_back({"producer_consumer", group::wall, measure_producer_consumer});
  all.push_back({"producer_consumer", group::wall, measure_stop});
  all.push_back({"xargs.wc", group::wall, measure_xargs_wc});
}

}  // namespace hawser::bench
